"""Layers on several replicas: each computes its part of the batch, in one process or in several."""
