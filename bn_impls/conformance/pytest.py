"""The kit as tests of somebody's own project.

In a test file::

    from bn_impls.conformance.pytest import conformance_tests

    test_conformance = conformance_tests("my_package.my_layer:IMPLEMENTATION")

gives one test a check. The kit runs once, in a process of its own, when the first of them asks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from bn_impls.conformance import runner
from bn_impls.conformance.kit import chosen
from bn_impls.conformance.model import Result
from bn_impls.registry import describe


def conformance_tests(
    specification: str, *, quick: bool = False, timeout_s: float = runner.CHECK_S
) -> Callable[[str], None]:
    """Make a parametrized test function.

    Args:
        specification: a registered name or ``module:OBJECT``, importable wherever the tests can import it.
        quick: leave out the checks that take longest.
        timeout_s: deadline of one check, in seconds.

    Returns:
        A test function; give it a name that begins with ``test``. A check that is not offered is skipped with the
        reason, and so is every check where the implementation's framework is not installed.
    """

    @cache
    def results() -> dict[str, Result]:
        descriptor = describe(specification)
        if (reason := descriptor.missing()) is not None:
            pytest.skip(reason)
        report = runner.run(descriptor, quick=quick, check_s=timeout_s, path=runner.importable_from_here())
        return {result.name: result for result in report.results}

    @pytest.mark.parametrize("check", [runner.LOAD, *(check.name for check in chosen(quick))])
    def test_conformance(check: str) -> None:
        """One check of the kit."""
        result = results()[check]
        if result.status == "skipped":
            pytest.skip(result.message)
        if result.status == "failed":
            pytest.fail(f"{result.message}\ngot {result.got}\nexpected {result.expected}", pytrace=False)

    return test_conformance
