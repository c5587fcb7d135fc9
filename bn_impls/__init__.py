"""Interchangeable implementations of batch normalization behind one interface.

Importing this package needs NumPy only; each framework is imported by the file of its implementation.
"""
