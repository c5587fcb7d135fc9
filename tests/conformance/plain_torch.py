"""Batch normalization as users of PyTorch write it, right and with one mistake each; nothing here knows bn-bench."""

from __future__ import annotations

import torch
from torch import nn


class MyBN(nn.Module):
    """A right one."""

    bessel = True

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    @property
    def weight_of_new(self) -> float:
        """Of the batch's statistics."""
        return self.momentum

    @property
    def added(self) -> float:
        """To the variance."""
        return self.eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize (N, C, ...)."""
        axes = [axis for axis in range(x.ndim) if axis != 1]
        wide = [1, -1] + [1] * (x.ndim - 2)
        mean, variance = self.running_mean, self.running_var
        if self.training:
            n = x.numel() // x.shape[1]
            mean, variance = x.mean(axes), x.var(axes, unbiased=False)
            with torch.no_grad():
                averaged = variance * n / (n - 1) if self.bessel else variance
                self.running_mean += self.weight_of_new * (mean - self.running_mean)
                self.running_var += self.weight_of_new * (averaged - self.running_var)
        xhat = (x - mean.view(wide)) / torch.sqrt(variance.view(wide) + self.added)
        return self.weight.view(wide) * xhat + self.bias.view(wide)


class Biased(MyBN):
    """Averages the variance that normalizes the batch: over n, where PyTorch averages that over n - 1."""

    bessel = False


class Reversed(MyBN):
    """Takes momentum for the weight of the old value, as Keras has it."""

    @property
    def weight_of_new(self) -> float:
        """Of the batch's statistics."""
        return 1 - self.momentum


class Nameless(nn.Module):
    """Keeps its statistics under names of its own."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("mu", torch.zeros(num_features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize (N, C, ...)."""
        return x


class Fixed(MyBN):
    """Has its settings in the code, where nothing can set them."""

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features)
        del self.eps, self.momentum
        self.constants = (1e-5, 0.1)

    @property
    def weight_of_new(self) -> float:
        """Of the batch's statistics."""
        return self.constants[1]

    @property
    def added(self) -> float:
        """To the variance."""
        return self.constants[0]


class NeedsMore(MyBN):
    """Has an argument that nobody can guess."""

    def __init__(self, num_features: int, num_dims: int) -> None:
        super().__init__(num_features)


class Unregistered(MyBN):
    """Its moving statistics are bare tensors, so that no checkpoint holds them."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        del self.running_mean, self.running_var
        self.running_mean, self.running_var = torch.zeros(num_features), torch.ones(num_features)
