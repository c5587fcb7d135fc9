"""The stages of each axis, each after the first in a fresh process. Framework-free: the scheduler reads it."""

STAGES = {
    "agreement": ("run",),
    "convergence": ("run",),
    "checkpoint": ("save", "restore"),
    "claims": ("run",),
}
