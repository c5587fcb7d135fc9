"""Running cases: worker processes, the scheduler, records. Nothing here knows a framework or batch normalization."""
