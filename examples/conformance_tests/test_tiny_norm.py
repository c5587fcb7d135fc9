"""Every check of the conformance kit on the layer, as tests."""

from bn_impls.conformance.pytest import conformance_tests

test_conformance = conformance_tests("tiny_norm:IMPLEMENTATION")
