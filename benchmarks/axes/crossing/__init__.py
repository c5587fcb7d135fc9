"""Checkpoint, from one implementation to another: train with A, infer and go on with B, through the canonical state.

Each implementation trains once, writes its canonical state and goes on without interruption. Each takes up the states
of all: it infers by them as they are, and goes on training from them, the moving variance converted to its own ddof.
Its losses and its inference 50 steps later stand beside those of the one that was never interrupted.
"""

from benchmarks.axes.crossing.part import Part

__all__ = ["Part"]
