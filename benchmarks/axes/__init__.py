"""The four axes: what a worker does for one case of each. Imported by workers, never by the scheduler."""
