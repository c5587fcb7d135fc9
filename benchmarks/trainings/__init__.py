"""What is looked at in a training, of whatever implementation: its weights are exported and NumPy evaluates them.

``lockstep``: the float64 reference's losses, and how far rounding takes a training from them. ``population``: exact
population statistics. ``recording``: what passes through the layers, step by step; its pictures are drawn by
``benchmarks.report.figures.recording``.
"""
