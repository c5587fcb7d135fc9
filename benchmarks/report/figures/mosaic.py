"""Example images by class, a row each: one PNG inside the drawing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

from benchmarks.report.figures.canvas import label

GAP = 2  # pixels between images, transparent


def paint(canvas: Canvas, images: NDArray[np.uint8], names: Sequence[str]) -> None:
    """Draw them.

    Args:
        canvas: receives one image.
        images: (classes, of each class, height, width, 1 or 3).
        names: of the classes.
    """
    axes = canvas.subplots()
    axes.imshow(tiled(images), interpolation="none")
    pitch = images.shape[2] + GAP
    middles = [pitch * place + images.shape[2] / 2 for place in range(len(names))]
    axes.set_yticks(middles, [label(name) for name in names])
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def tiled(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One image of all, RGBA: (classes, n, height, width, channels) -> (rows, columns, 4)."""
    classes, count, height, width, _ = images.shape
    down, across = height + GAP, width + GAP
    found = np.zeros((classes * down - GAP, count * across - GAP, 4), np.uint8)
    for row in range(classes):
        for column in range(count):
            place = slice(row * down, row * down + height), slice(column * across, column * across + width)
            found[*place, :3] = images[row, column]
            found[*place, 3] = 255
    return found
