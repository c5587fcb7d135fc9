"""Verdicts about speeds: what a pass was, how two cases compare round by round, and what may be said of it.

The scheduler asks it what is still undecided, the report what to print, `compare` and `calibrate` the same for
other runs. It knows samples and arrays, and neither a framework nor the harness nor the report.
"""
