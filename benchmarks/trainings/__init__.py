"""What is looked at in a training, of whatever implementation: its weights are exported and NumPy evaluates them.

``lockstep``: the float64 reference's losses and how far one ulp grows in them. ``population``: exact population
statistics. ``recording``: what passes through the layers, step by step. ``figures``: pictures of it.
"""
