"""The source documents' claims, each re-tested by an experiment and judged by a rule in code.

Rules stand in code, with thresholds as constants; trials of them used other seeds (:mod:`benchmarks.claims.seeds`).

A claim (:mod:`benchmarks.claims.model`) names its cases, which the harness runs as those of any axis; its verdict is
derived late, from records alone. One module a claim stands in :mod:`benchmarks.claims.catalogue`, what runs in a worker
in :mod:`benchmarks.claims.experiments`.
"""
