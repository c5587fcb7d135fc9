"""Misbehaving implementations in real processes: each costs its own rows and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.harness import scheduler
from benchmarks.harness.folder import RunFolder
from bn_impls.isolation import process

GOOD_AND_LOUD = ("prints", "forks", "forks_and_both_go_on")
"""They do something strange, but compute what they should."""

ROGUES: dict[str, dict[str, str]] = {
    "prints": {"step": "print('noise')\nos.write(1, b'{\"status\": \"failed\", \"reason\": \"noise\"}\\n')\n"
                       "sys.__stdout__.write('noise'); sys.__stdout__.flush()"},
    "forks": {"step": "child = os.fork()\nif not child:\n    time.sleep(600)\n"
                      "open(os.environ['CHILDREN'], 'a').write(f'{child}\\n')"},
    "forks_and_both_go_on": {"top": "forked = []", "step": "if not forked:\n    forked.append(os.fork())"},
    "killed": {"step": "os.kill(os.getpid(), signal.SIGKILL)"},
    "segfault": {"step": "ctypes.string_at(0)"},
    "exits": {"step": "sys.exit(7)"},
    "interrupts": {"step": "raise KeyboardInterrupt"},
    "raises": {"step": "raise ValueError('the layer is tired\\nand says more')"},
    "names_its_log": {"step": "raise ValueError('cannot write ' + os.readlink('/proc/self/fd/2'))"},
    "asserts": {"step": "assert False"},
    "hungry": {"step": "np.empty(1 << 57)"},
    "hangs": {"step": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\ntime.sleep(600)"},
    "forks_and_dies": {"step": "if not os.fork():\n    time.sleep(600)\nos.kill(os.getpid(), signal.SIGKILL)"},
    "forks_in_c_and_dies": {"step": "if not ctypes.CDLL(None).fork():\n    time.sleep(600)\n"
                                    "os.kill(os.getpid(), signal.SIGKILL)"},  # Python does not see this fork
    "closes_everything": {"step": "os.closerange(3, 256)\ntime.sleep(600)"},
    "talks_over_the_reply": {"step": "for number in range(3, 32):\n    try:\n        os.write(number, b'nonsense\\n')\n"
                                     "    except OSError:\n        pass"},
    "asks": {"step": "input()"},
    "import_fails": {"top": "raise ImportError('a part is missing')"},
    "import_dies": {"top": "ctypes.string_at(0)"},
    "import_hangs": {"top": "time.sleep(600)"},
    "no_implementation": {"whole": "OBJECT = 3\n"},
    "builds_nothing": {"building": "return None"},
    "refuses": {"building": "return Unsupported('not on this day')"},
    "wrong_shape": {"step": "y = y[:-1]"},
    "wrong_dtype": {"step": "dx = dx.astype('float64')"},
    "surrogate": {"step": "raise ValueError('bad name \\udc80')"},
    "claims_a_graph": {"building": "built = replace(built, observe=lambda *_: {\n"
                                   "    'device': Observation('cpu', ''), 'dtype': Observation('float32', ''),\n"
                                   "    'style': Observation('graph', 'it says so itself')})"},
    "claims_half": {"building": "built = replace(built, observe=lambda *_: {\n"
                                "    'device': Observation('cpu', 'seen'), 'dtype': Observation('float16', 'seen'),\n"
                                "    'style': Observation('eager', 'seen')})"},
    "claims_nothing": {"building": "built = replace(built, observe=lambda *_: {})"},
}  # fmt: skip

EXPECTED = {
    "killed": ("crashed", "the process was ended by SIGKILL"),
    "segfault": ("crashed", "the process was ended by SIGSEGV; its last words: in string_at at __init__.py"),
    "exits": ("crashed", "the process exited with code 7 in the middle of a case"),
    "interrupts": ("crashed", "the process was ended by SIGINT"),
    "raises": ("failed", "ValueError: the layer is tired [raises.py line "),
    "names_its_log": ("failed", "ValueError: cannot write SCRATCH/"),
    "asserts": ("failed", "AssertionError: no message [asserts.py line "),
    "hungry": ("out_of_memory", "MemoryError: Unable to allocate 1.00 EiB"),
    "hangs": ("timed_out", "no answer within 4 s; the process was killed"),
    "forks_and_dies": ("crashed", "the process was ended by SIGKILL"),
    "forks_in_c_and_dies": ("crashed", "the process was ended by SIGKILL"),
    "closes_everything": ("crashed", "the process closed the pipe of its replies"),
    "talks_over_the_reply": ("crashed", "something else than a reply came through the worker's pipe: b'nonsense'"),
    "asks": ("failed", "EOFError: EOF when reading a line"),
    "import_fails": ("failed", "ImportError: a part is missing"),
    "import_dies": ("crashed", "it does not start: the process was ended by SIGSEGV"),
    "import_hangs": ("timed_out", "it does not start: no answer within 6 s"),
    "no_implementation": ("failed", "is a int, but should be a bn_impls.interface.Implementation"),
    "builds_nothing": ("failed", "AttributeError: 'NoneType' object has no attribute"),
    "refuses": ("unsupported", "not on this day"),
    "wrong_shape": ("disagrees", "output_training has shape ("),
    "wrong_dtype": ("disagrees", "gradient_input has dtype float64, but should have float32"),
    "surrogate": ("failed", "ValueError: bad name \udc80"),
    "claims_a_graph": ("failed", "style is claimed eager, but graph was observed (it says so itself)"),
    "claims_half": ("failed", "dtype is claimed float32, but float16 was observed"),
    "claims_nothing": ("failed", "device is claimed cpu, but not observed was observed"),
}
AGREEMENTS = 3  # the same shape and two small odd ones
PATTERNS = (r":(7x5|8x7x7x5|32x32|inference-32x32)-float32-eager-cpu$", r"^agreement|^throughput:.*:inference")


@pytest.fixture(scope="module")
def children(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file into which the process ids of forked children go."""
    return tmp_path_factory.mktemp("children") / "pids"


@pytest.fixture(scope="module")
def ran(
    tmp_path_factory: pytest.TempPathFactory, children: Path, good: str, rogue_writer: Callable[..., str],
    small_settings: Any, planned_cases: Any, run_cases: Any,
) -> Any:  # fmt: skip
    """One run of all of them and a good one: the agreement cases that a speed needs, and the speed."""
    modules = tmp_path_factory.mktemp("rogues")
    names = [rogue_writer(modules, name, **parts) for name, parts in ROGUES.items()]
    settings = small_settings([*names, good], timeout_s=4.0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(modules))
        patched.setenv("CHILDREN", str(children))
        patched.setattr(process, "ENDING_S", 0.5)
        patched.setattr(scheduler, "STARTING_S", 6.0)
        folder = RunFolder.create(tmp_path_factory.mktemp("rogue_run"), settings)
        return run_cases(folder, planned_cases(settings, *PATTERNS))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_misbehaving_implementation_gets_a_row_that_says_what_happened(ran: Any, name: str) -> None:
    """The agreement record has the status of the mishap, its reason, and no figures."""
    status, reason = EXPECTED[name]
    found = ran.of(f"{name}:OBJECT")
    assert len(found) == AGREEMENTS
    for record in found:
        assert record["status"] == status
        assert reason in record["reason"]
        assert record["metrics"] == {}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_misbehaving_implementation_gets_no_speed(ran: Any, name: str) -> None:
    """Its throughput row repeats the status and why there is no speed."""
    (record,) = ran.of(f"{name}:OBJECT", "throughput")
    assert record["status"] == EXPECTED[name][0]
    assert record["reason"].startswith("no speed without a passed agreement: ")
    assert EXPECTED[name][1] in record["reason"]
    assert (record["metrics"], record["samples"]) == ({}, {})


@pytest.mark.parametrize("name", GOOD_AND_LOUD)
def test_noise_and_forks_do_not_disturb_the_replies(ran: Any, name: str) -> None:
    """Printing at every level, and children that linger or come to the reply too, leave the row measured."""
    for axis in ("agreement", "throughput"):
        for record in ran.of(f"{name}:OBJECT", axis):
            assert (record["status"], record["reason"]) == ("ok", None)


def test_the_good_implementation_beside_them_is_measured_completely(ran: Any, good: str) -> None:
    """Agreement with every quantity, and all three rounds of three passes of three samples."""
    (agreement, *_), (speed,) = ran.of(good), ran.of(good, "throughput")
    assert (agreement["status"], speed["status"]) == ("ok", "ok")
    assert agreement["metrics"]["num_updates"] == agreement["case"]["steps"] + 1 == 51
    visits = [(line["round"], line["pass"], len(line["durations_ns"])) for line in speed["samples"]["passes"]]
    assert sorted(visits) == [(number, visit, 3) for number in range(3) for visit in range(3)]


def test_every_planned_case_ends_as_exactly_one_record(ran: Any) -> None:
    """Planned = accounted, in the file itself."""
    written = [line["case_id"] for line in ran.lines()]
    assert sorted(written) == sorted(case.case_id for case in ran.cases)
    assert len(written) == (AGREEMENTS + 1) * (len(ROGUES) + 1)


def test_the_progress_display_arrives_at_its_total(ran: Any) -> None:
    """Cases that end early count as done with all their rounds."""
    assert ran.display.done == ran.display.total == (AGREEMENTS + 3) * (len(ROGUES) + 1)


def test_no_process_survives_the_run(ran: Any, children: Path) -> None:
    """Neither workers nor the children that they forked, which share their process group."""
    forked = {int(line) for line in children.read_text().split()} - {0}
    assert forked
    assert not [pid for pid in forked if psutil.pid_exists(pid) and "python" in psutil.Process(pid).name()]
    workers = [child for child in psutil.Process().children(recursive=True) if _is_worker(child)]
    assert workers == []


def _is_worker(candidate: psutil.Process) -> bool:
    try:
        return "benchmarks.harness.worker" in candidate.cmdline()
    except psutil.NoSuchProcess:
        return False


def test_a_worker_that_sends_a_byte_now_and_then_runs_out_of_time_all_the_same(
    tmp_path: Path, rogue: Any, small_settings: Any, planned_cases: Any, run_cases: Any
) -> None:
    """The time counts from the request, not from the last sign of life."""
    drip = "while True:\n    for number in range(3, 32):\n        try:\n            os.write(number, b' ')\n"
    name = rogue("drips", step=drip + "        except OSError:\n            pass\n    time.sleep(0.3)")
    settings = small_settings([name], timeout_s=2.0)
    ran = run_cases(RunFolder.create(tmp_path / "run", settings), planned_cases(settings, ":7x5-float32"))
    (record,) = ran.of(name)
    assert (record["status"], record["reason"]) == ("timed_out", "no answer within 2 s; the process was killed")


def test_a_forked_child_takes_no_request_and_gives_no_reply(
    tmp_path: Path, good: str, rogue: Any, small_settings: Any, planned_cases: Any, run_cases: Any
) -> None:
    """It comes back from the call as its parent does; still every case has its own figures, those of the good one."""
    name = rogue("doubled", **ROGUES["forks_and_both_go_on"])
    settings = small_settings([name, good])
    ran = run_cases(RunFolder.create(tmp_path / "run", settings), planned_cases(settings, "^agreement"))
    figures = {
        implementation: {record["case_id"].split(":")[-1]: record["metrics"] for record in ran.of(implementation)}
        for implementation in (name, good)
    }
    assert len(figures[good]) == len(ran.of(good)) > 0
    assert figures[name] == figures[good]


LATE = """import gc
count, inner = [0], built.inference
def inference(x):
    count[0] += not gc.isenabled()  # the collector is off while samples are taken, and only then
    if count[0] > 100:
        {action}
    return inner(x)
built = replace(built, inference=inference)"""


@pytest.mark.parametrize(
    ("action", "status", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "crashed", "SIGKILL"),
        ("time.sleep(600)", "timed_out", "no answer within 4 s"),
        ("raise OSError('cable out')", "failed", "OSError: cable out"),
    ],
)
def test_a_mishap_in_the_middle_of_timing_costs_that_speed_only(
    action: str, status: str, reason: str, tmp_path: Path, good: str, rogue: Any, small_settings: Any,
    planned_cases: Any, run_cases: Any,
) -> None:  # fmt: skip
    """Agreement passed and the case was prepared; then it happens in a timed call. The other has all its rounds."""
    building = LATE.format(action=action)
    name = rogue("late", building=building)
    settings = small_settings([name, good], timeout_s=4.0)
    ran = run_cases(RunFolder.create(tmp_path / "run", settings), planned_cases(settings, *PATTERNS))
    (record,) = ran.of(name, "throughput")
    assert (record["status"], ran.of(name)[0]["status"]) == (status, "ok")
    assert reason in record["reason"]
    assert (record["metrics"], record["samples"]) == ({}, {})
    (other,) = ran.of(good, "throughput")
    assert other["metrics"]["rounds"] == 3
    assert ran.display.done == ran.display.total
