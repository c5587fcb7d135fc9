"""The source documents' networks, as framework-free descriptions with the training that each document gives them.

=================  ===========================================================  =========================
name               network                                                      trained with
=================  ===========================================================  =========================
``000``            784-32-32-10, ReLU                                           Adam 0.01, batch 32
``001``            784-300-100-10, ELU, decay 0.9                               SGD 0.01, batch 250
``002``            784-256-256-10, ReLU                                         Adam 0.001, batch 128
``002-notebook``   784-512-512-512-512-10, ReLU                                 Adam 0.001, batch 128
``003``            3072-100-3, tanh, weights and biases from N(0, 0.05)         Adam 0.001, batch 64
``004``            convolutions 8-16-16-16, dense 128-128, dropout, epsilon     Adam 1e-4, batch 100
                   1e-5, weights from N(0, 0.001)
``ioffe-szegedy``  784-100-100-100-10, sigmoid, binary digits                   SGD 0.1, batch 60
=================  ===========================================================  =========================
"""

from benchmarks.networks.options import Options
from benchmarks.networks.recipes import RECIPES, Recipe, network, optimizer, recipe

__all__ = ["RECIPES", "Options", "Recipe", "network", "optimizer", "recipe"]
