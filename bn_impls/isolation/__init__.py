"""Processes of their own for implementations: somebody's crash, hang or printing costs one answer, nothing else."""
