"""Figures: one module for what they have in common, one for each axis that has a figure."""
