"""``bn-bench compare``: output, exit codes, bad folders, and what it imports."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.comparison.runs import BEFORE, CHECKOUT, OTHER_MACHINE, speed, times
from tests.report import synthetic

Folders = Callable[..., tuple[Path, Path]]
Command = Callable[..., subprocess.CompletedProcess[str]]
PROBE = """
import sys
from bn_impls.cli import main
code = main(sys.argv[1:])
heavy = ("tensorflow", "keras", "torch", "jax", "pytest", "matplotlib")
print("imported:", *[name for name in heavy if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


def test_a_regression_ends_with_1_and_names_the_case(folders: Folders) -> None:
    """On the same machine; in a process, as a job of CI starts it."""
    pair = folders(speed("keras", BEFORE), speed("keras", times(1.5)))
    command = [sys.executable, "-m", "bn_impls.cli", "compare", *map(str, pair)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "**1 regression**: throughput/keras/" in done.stdout
    assert "slower, by more than the margin for certain" in done.stdout
    assert "Nothing that its environment says tells them apart" in done.stdout
    assert "any drift of the machine between them is in it" in done.stdout


def test_no_regression_ends_with_0(folders: Folders, bn_bench: Command) -> None:
    """Also where it is faster."""
    done = bn_bench("compare", *folders(speed("keras", BEFORE), speed("keras", times(0.5))))
    assert (done.returncode, done.stderr) == (0, "")
    assert "**No regression found** in 2 cases that both runs recorded." in done.stdout


def test_a_run_that_was_interrupted_before_its_speeds_ends_with_4(folders: Folders, bn_bench: Command) -> None:
    """Not with 0, and the sentence does not say that there is no regression."""
    full = speed("keras", BEFORE) + speed("torch", BEFORE)
    agreements, speeds = ([one for one in full if one["axis"] == axis] for axis in ("agreement", "throughput"))
    pair = folders(full, agreements, b={"also_planned": speeds})
    done = bn_bench("compare", *pair)
    assert done.returncode == 4
    assert "**Nothing about speed was compared**: run B is unfinished (2 of 4 cases have no record)" in done.stdout
    assert f"`bn-bench run --resume {pair[1]}`" in done.stdout
    assert "No regression" not in done.stdout
    assert "B: no record of throughput: 2 cases (keras 1, torch 1)" in done.stdout
    assert json.loads(bn_bench("compare", *pair, "--json").stdout)["speeds_lost"] is True
    assert bn_bench("compare", *reversed(pair)).returncode == 0


def test_undecided_speeds_are_no_good_news(folders: Folders, bn_bench: Command) -> None:
    """More than half of them."""
    done = bn_bench("compare", *folders(speed("keras", BEFORE), speed("keras", times(1.02))))
    assert done.returncode == 0
    assert "**Cannot tell**: 1 of 1 speed undecided, and no regression" in done.stdout


def test_json_has_the_same_facts(folders: Folders, bn_bench: Command) -> None:
    """One line, with the verdict, its interval and the regressions."""
    done = bn_bench("compare", *folders(speed("keras", BEFORE), speed("keras", times(1.5))), "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    (change,) = found["speeds"]["changes"]
    assert found["regressions"] == [change["case_id"]]
    assert change["verdict"]["word"] == "slower"
    assert change["verdict"]["low"] < 1.5 < change["verdict"]["high"]
    assert found["machines"]["same"] is True
    assert (found["a"]["recorded"], found["compared"]) == (2, 2)


def test_different_machines_are_said_and_decide_nothing(folders: Folders, bn_bench: Command) -> None:
    """Both values of what differs are shown."""
    a = speed("keras", BEFORE) + speed("torch", BEFORE)
    b = speed("keras", BEFORE) + speed("torch", times(3))
    done = bn_bench("compare", *folders(a, b, b=OTHER_MACHINE))
    assert done.returncode == 0
    for part in ("Different machines or settings", "Example CPU, 2.6 GHz", "Another CPU", "ratio to **keras**"):
        assert part in done.stdout


def test_the_margin_and_relative_are_options(folders: Folders, bn_bench: Command) -> None:
    """Percent, with or without its sign."""
    pair = folders(speed("keras", BEFORE), speed("keras", times(1.5)))
    assert bn_bench("compare", *pair, "--margin", "60%").returncode == 0
    assert bn_bench("compare", *pair, "--relative").returncode == 0  # the baseline itself has no ratio


def refused(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Exit code 2, a message with these parts, no traceback."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    words = " ".join(done.stderr.split())
    for part in parts:
        assert part in words


@pytest.mark.parametrize("margin", ["0", "-3", "nan", "inf", "much"])
def test_a_margin_that_is_none_is_refused(bn_bench: Command, margin: str) -> None:
    """With an example of one."""
    refused(bn_bench("compare", "a", "b", f"--margin={margin}"), f"got '{margin}'", "a percentage above 0, such as 3")


def test_a_folder_that_is_no_run_is_refused(folders: Folders, bn_bench: Command, tmp_path: Path) -> None:
    """Missing, a file, or without a plan."""
    good, bad = folders([synthetic.agreement("keras")], [synthetic.agreement("keras")])
    refused(bn_bench("compare", good, tmp_path / "nothing"), "is no run folder: it has no plan.json", "bn-bench run")
    refused(bn_bench("compare", good / "plan.json", good), "is no run folder")
    (bad / "records.jsonl").unlink()
    refused(bn_bench("compare", good, bad), "it has no records.jsonl")


@pytest.mark.parametrize("name", ["plan.json", "records.jsonl"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[]", b'{"schema": 2, "cases": []}'])
def test_a_spoilt_file_is_told_and_never_a_traceback(
    folders: Folders, bn_bench: Command, name: str, content: bytes
) -> None:
    """No plan, or no record left: there is nothing to compare."""
    good, bad = folders([synthetic.agreement("keras")], [synthetic.agreement("keras")])
    (bad / name).write_bytes(content)
    refused(bn_bench("compare", good, bad), "bn-bench:")


def test_the_same_folder_twice_is_refused(folders: Folders, bn_bench: Command, tmp_path: Path) -> None:
    """Also through a link."""
    good, _ = folders([synthetic.agreement("keras")], [synthetic.agreement("keras")])
    (tmp_path / "link").symlink_to(good)
    refused(bn_bench("compare", good, good), "are the same folder")
    refused(bn_bench("compare", good, tmp_path / "link"), "are the same folder")


def test_a_copy_of_a_run_is_compared_and_said(folders: Folders, bn_bench: Command) -> None:
    """A user may have copied the wrong one."""
    good, other = folders([synthetic.agreement("keras")], [synthetic.agreement("keras")])
    shutil.copytree(good, other, dirs_exist_ok=True)
    done = bn_bench("compare", good, other)
    assert done.returncode == 0
    assert "A and B both hold run synthetic: one is a copy of the other" in done.stdout


def test_runs_without_a_common_case_are_refused(folders: Folders, bn_bench: Command) -> None:
    """With the way out."""
    pair = folders([synthetic.agreement("keras")], [synthetic.agreement("torch")])
    refused(bn_bench("compare", *pair), "have recorded no case in common", "the same axes, size and implementations")


def test_a_cut_record_is_a_told_gap(folders: Folders, bn_bench: Command) -> None:
    """What is whole is compared."""
    records = [synthetic.agreement("keras"), synthetic.agreement("torch")]
    good, bad = folders(records, records)
    content = (bad / "records.jsonl").read_bytes()
    (bad / "records.jsonl").write_bytes(content[:-50])
    (bad / "environment.json").unlink()
    done = bn_bench("compare", good, bad)
    assert done.returncode == 0
    for part in ("B: records.jsonl, line 2: skipped, it is cut off", "B: no record of agreement/torch/",
                 "B: environment.json: not read", "**No regression found** in 1 case"):  # fmt: skip
        assert part in done.stdout


def test_names_of_users_stay_text(folders: Folders, bn_bench: Command) -> None:
    """Neither markup nor control characters reach the terminal."""
    name = "<b>|x|</b>\x1b[31m"
    done = bn_bench("compare", *folders(speed(name, BEFORE), speed(name, times(1.5))))
    assert done.returncode == 1
    assert "\x1b" not in done.stdout and "<b>" not in done.stdout


def test_many_cases_do_not_flood_a_terminal(folders: Folders, bn_bench: Command) -> None:
    """The slower ones come first; the rest is counted."""
    crowd = [entry for number in range(60) for entry in speed(f"other-{number}", BEFORE)]
    pair = folders(crowd + speed("keras", BEFORE), crowd + speed("keras", times(2)))
    done = bn_bench("compare", *pair)
    rows = [line for line in done.stdout.splitlines() if line.startswith("| throughput")]
    assert len(rows) == 40
    assert "keras" in rows[0]
    assert "21 more rows: `--json` has them all." in done.stdout


def test_comparing_imports_no_framework(folders: Folders) -> None:
    """Nor what draws the report."""
    pair = folders(speed("keras", BEFORE), speed("keras", BEFORE))
    done = subprocess.run(
        [sys.executable, "-c", PROBE, "compare", *map(str, pair)], cwd=CHECKOUT, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.strip()) == (0, "imported:")


def test_the_help_imports_no_number_cruncher() -> None:
    """It answers at once."""
    probe = "import sys\nfrom bn_impls.cli import main\ntry:\n    main(['compare', '--help'])\nfinally:\n" \
        "    assert not {'numpy', 'scipy', 'pandas'} & set(sys.modules)"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", probe], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "exit codes: 0 no regression; 1" in " ".join(done.stdout.split())
