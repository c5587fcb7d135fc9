"""Many training cases: on this machine or on a Ray cluster, with the same records as a run."""
