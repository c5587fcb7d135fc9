"""The published data sets that are read whole: what they are, whence they come, what they hash to.

The sums of contents are those of uncompressed files, so it does not matter who compressed them or how.
MNIST's are those of the published IDX files and of the arrays in the NPZ edition. Fashion-MNIST's are those
of Debian's package, whose archives are the authors' own but for the gzip header. CIFAR-10's are as others
published them for the files in the authors' archive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets.cifar_files import ARCHIVE_NAME, BATCHES, FOLDER_NAME
from benchmarks.datasets.download import Remote
from benchmarks.datasets.mnist_files import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from benchmarks.datasets.raw import Raw, find_cifar10, find_mnist

KERAS_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
TORONTO_URL = "https://www.cs.toronto.edu/~kriz/"


@dataclass(frozen=True, eq=False)
class Edition:
    """What is known of a published data set.

    Attributes:
        name: the data set's name.
        title: what it is and by whom.
        licence: its licence, or what is known of it.
        sha256: content -> sha256 of the uncompressed bytes, hexadecimal.
        validation_size: how many of the first training images become the validation split.
        find: reads the data set from a folder, given the folder and `name`; None if it is not there.
        looked_for: the names that `find` looks for, for messages.
        base_url: where the remotes lie; ends in ``/``.
        remotes: the files of a download.
        class_count: number of classes.
    """

    name: str
    title: str
    licence: str
    sha256: Mapping[str, str]
    validation_size: int
    find: Callable[[Path, str], Raw | None]
    looked_for: str
    base_url: str
    remotes: tuple[Remote, ...]
    class_count: int = 10


def _idx_names(name: str) -> str:
    idx = ", ".join((TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS))
    return f"{idx} (each with or without .gz), or {name}.npz"


MNIST = Edition(
    name="mnist",
    title="MNIST by LeCun, Cortes and Burges, complete",
    licence="CC BY-SA 3.0",
    sha256={
        TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    validation_size=5000,
    find=find_mnist,
    looked_for=_idx_names("mnist"),
    base_url=KERAS_URL,
    remotes=(Remote("mnist.npz", "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1", 11490434),),
)

FASHION_MNIST = Edition(
    name="fashion-mnist",
    title="Fashion-MNIST by Zalando Research, complete",
    licence="MIT",
    sha256={
        TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    validation_size=5000,
    find=find_mnist,
    looked_for=_idx_names("fashion-mnist"),
    base_url=KERAS_URL,
    remotes=(
        Remote(f"{TRAIN_IMAGES}.gz", "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26421880),
        Remote(f"{TRAIN_LABELS}.gz", "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29515),
        Remote(f"{TEST_IMAGES}.gz", "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4422102),
        Remote(f"{TEST_LABELS}.gz", "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5148),
    ),
)

CIFAR10 = Edition(
    name="cifar10",
    title="CIFAR-10 by Krizhevsky, Nair and Hinton, complete",
    licence="no licence stated",
    sha256=dict(
        zip(
            BATCHES,
            (
                "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
                "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
                "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
                "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
                "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
                "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
            ),
            strict=True,
        )
    ),
    validation_size=5000,
    find=find_cifar10,
    looked_for=f"{FOLDER_NAME}/ with {', '.join(BATCHES)}, or {ARCHIVE_NAME}",
    base_url=TORONTO_URL,
    remotes=(Remote(ARCHIVE_NAME, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", 170052171),),
)

EDITIONS = {edition.name: edition for edition in (MNIST, FASHION_MNIST, CIFAR10)}
