"""The command line in this process: what parses arguments or reads files needs no process of its own."""

from __future__ import annotations

import io
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from bn_impls.cli import main


def called(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``bn-bench`` with arguments to its end; not for what imports a framework or starts pytest."""
    given = [str(argument) for argument in arguments]
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        try:
            code = main(given)
        except SystemExit as ended:  # argparse, after help or a mistake
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(["bn-bench", *given], code, out.getvalue(), errors.getvalue())
