"""pytest's side of a run: options, one test a case, and the replay of its samples.

``pytest`` alone collects the tests; ``pytest --benchmark-only`` collects the benchmark instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.cases import Case
from benchmarks.harness.progress import display_for
from benchmarks.harness.replay import CLOCK
from benchmarks.harness.session import SKIPPED_STATUSES, Session
from benchmarks.harness.stash import RECORDS, SESSION, TROUBLE
from benchmarks.harness.workers import CHECKOUT
from benchmarks.settings import Settings, add_options
from bn_impls.errors import BadRunFolder, BnBenchError


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run under the names that the command line has."""
    add_options(parser.getgroup("bn-bench").addoption)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Plan the run; errors a user can act on end pytest with its usage code."""
    config.addinivalue_line("markers", "slow: runs for minutes; left out of the default test environment")
    config.stash[TROUBLE] = []
    options = config.option
    if not options.benchmark_only:
        return
    try:
        resume = Path(options.resume) if options.resume else None
        output = Path(options.output) if options.output else None
        chosen = Settings.from_options(options)
        config.stash[SESSION] = Session(chosen, output, resume)
        if resume:
            config.stash[SESSION].settings.refuse_others(options)
    except BnBenchError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect tests, or with ``--benchmark-only`` the benchmark."""
    unwanted = "tests" if config.option.benchmark_only else "benchmarks"
    if collection_path.is_relative_to(CHECKOUT / unwanted):  # pytest does not ask about the folder itself
        return True
    run = config.stash.get(SESSION, None)
    axes = {case.axis for case in run.cases.values()} if run is not None else set()
    skipped = collection_path.name.startswith("bench_") and collection_path.stem.removeprefix("bench_") not in axes
    return True if skipped else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each planned case of the module's axis."""
    if "case" not in metafunc.fixturenames or SESSION not in metafunc.config.stash:
        return
    session = metafunc.config.stash[SESSION]
    cases = [case for case in session.cases.values() if case.axis == metafunc.module.AXIS]
    metafunc.parametrize("case", cases, ids=[f"{case.implementation}-{case.label}" for case in cases])


def case_of(item: pytest.Item) -> Case | None:
    """The case that a collected test shows, if it shows one."""
    found = (
        item.callspec.params.get("case") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
    )
    return found if isinstance(found, Case) else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Time every case by the replaying clock, in a group with what it is compared with."""
    for item in items:
        if (case := case_of(item)) is not None:
            item.add_marker(pytest.mark.benchmark(timer=CLOCK, group=case.group))


@pytest.fixture(scope="session")
def records(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """The records of all selected cases; the first test that asks starts the run."""
    config = request.config
    session = config.stash[SESSION]
    selected = [case for item in request.session.items if (case := case_of(item)) is not None]
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        console = Console()
        console.print()
        try:
            found = session.run(selected, display_for(console))
        except BnBenchError as error:
            config.stash[TROUBLE].append(str(error))
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
        finally:
            if session.folder is not None:
                session.folder.close()
    config.stash[RECORDS] = found
    return found


@pytest.fixture
def record(case: Any, records: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The record of a case; a row without figures skips or fails the test with its reason."""
    found = records.get(case.case_id, {"status": "failed", "reason": "the run left no record of it"})
    if found["status"] in SKIPPED_STATUSES:
        pytest.skip(f"{found['status']}: {found['reason']}")
    if found["status"] != "ok":
        pytest.fail(f"{found['status']}: {found['reason']}", pytrace=False)
    return found


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Name the machine by its kind only."""
    machine_info.pop("node", None)
    machine_info["release"] = str(machine_info.get("release", "")).split("-")[0]  # the rest is who built the kernel


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Keep pytest-benchmark's own JSON in the run folder; draw the report of whatever was measured."""
    config = session.config
    run = config.stash.get(SESSION, None)
    if run is None or run.folder is None:
        yield
        return
    trouble = config.stash[TROUBLE]
    try:
        kept = _redirect_json(config, run.folder.path / "benchmark.json")
        yield
        kept()
    except OSError as error:
        trouble.append(
            f"{error.filename or 'benchmark.json'} cannot be written ({error.strerror}); what was measured is kept, "
            f"and `bn-bench run --resume {run.folder.path}` writes it once the cause is gone"
        )
    page = _draw_and_keep_ledger(run, trouble)
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        reporter.ensure_newline()
        for line in (*(f"damaged: {line}" for line in run.folder.damage), *trouble):
            reporter.write_line(line, red=True)
        if page is not None:
            reporter.write_line(f"report: {page}")
    if trouble:
        session.exitstatus = pytest.ExitCode.USAGE_ERROR


def _redirect_json(config: pytest.Config, wanted: Path) -> Callable[[], object]:
    """Make pytest-benchmark write its JSON into the run folder, or where the user wants it and then a copy here."""
    replayed = config._benchmarksession  # type: ignore[attr-defined]  # where pytest-benchmark keeps itself
    if not replayed.benchmarks:
        return lambda: None
    if replayed.json is None:
        replayed.json = str(wanted)
        return lambda: None
    chosen = Path(replayed.json)
    if chosen.resolve() == wanted.resolve():
        return lambda: None
    return lambda: wanted.write_bytes(chosen.read_bytes())


def _draw_and_keep_ledger(run: Session, trouble: list[str]) -> Path | None:
    """Draw the report, with the ledger as it stands before that; then the ledger with the time that drawing took."""
    began = time.monotonic()
    try:
        run.keep_ledger()
        page = _draw(run.folder.path, trouble) if run.folder is not None else None
        run.keep_ledger(time.monotonic() - began)
    except BadRunFolder as error:
        trouble.append(str(error))
        return None
    return page


def _draw(folder: Path, trouble: list[str]) -> Path | None:
    """Draw the report; on a folder that cannot be written only the first cause is told."""
    from benchmarks.report import draw  # pandas and matplotlib: only now

    try:
        return draw(folder).page
    except BnBenchError as error:
        if not trouble:
            trouble.append(str(error))
        return None
