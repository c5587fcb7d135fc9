"""Batch normalization with Welford's statistics. Importing this package imports nothing else."""
