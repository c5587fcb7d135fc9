"""The process in which an implementation is tested: it imports it, and runs one check a request."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bn_impls.isolation.serving import serve

NOTHING_THERE = "nothing_there"


class Server:
    """What can be asked. Each method returns a reply."""

    def do_start(
        self, specification: str, path: list[str], printed: str, scratch: str, given: dict[str, float]
    ) -> dict[str, Any]:
        """Import the implementation, with a watch on global state and standard output."""
        from bn_impls import registry
        from bn_impls.conformance import surroundings
        from bn_impls.conformance.subject import DECAY, EPSILON, Subject
        from bn_impls.errors import NothingThere
        from bn_impls.interface import Documented

        sys.dont_write_bytecode = True  # an edit within the second of the last save would be taken for the old code
        sys.path += [folder for folder in path if folder not in sys.path]
        os.dup2(os.open(printed, os.O_WRONLY | os.O_APPEND | os.O_CREAT), 1)
        self.scratch = Path(scratch)
        descriptor = registry.describe(specification)
        registry.make_importable(descriptor)
        surroundings.import_what_it_imports(descriptor.target.partition(":")[0])
        before = surroundings.seen()
        try:
            implementation = registry.load(descriptor, given)
        except NothingThere as nothing:
            return {"status": NOTHING_THERE, "reason": str(nothing)}
        self.subject = Subject(
            implementation=implementation,
            style=descriptor.styles[0],  # type: ignore[arg-type]  # a descriptor names styles as plain strings
            styles=descriptor.styles,  # type: ignore[arg-type]  # the same
            scratch=self.scratch,
            printed=Path(printed),
            decay=given.get("decay", DECAY),
            epsilon=given.get("epsilon", EPSILON),
            import_changes=surroundings.differences(before, surroundings.seen()),
        )
        documented = {  # the check `documentation` names what is no Documented
            check: asdict(meant) for check, meant in implementation.documented.items() if isinstance(meant, Documented)
        }
        return {"status": "ok", "documented": documented}

    def do_settle(self) -> dict[str, Any]:
        """Find the dtype and shape to test with."""
        from bn_impls.conformance.model import NotOffered

        try:
            self.subject = self.subject.settled()
        except NotOffered as refusal:
            return {"status": "refused", "reason": str(refusal)}
        return {"status": "ok", "dtype": self.subject.dtype}

    def do_check(self, name: str) -> dict[str, Any]:
        """Run one check."""
        from dataclasses import replace

        from bn_impls.conformance.kit import CHECKS, outcome

        (check,) = [check for check in CHECKS if check.name == name]
        scratch = Path(tempfile.mkdtemp(dir=self.scratch))
        result = asdict(outcome(check, replace(self.subject, scratch=scratch)))
        return {"status": "ok", "result": result}


if __name__ == "__main__":
    serve(Server(), parent=int(sys.argv[1]))
