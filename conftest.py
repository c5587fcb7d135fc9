"""Loads the benchmark's options for every pytest run in this checkout."""

pytest_plugins = ["benchmarks.harness.pytest_plugin"]
