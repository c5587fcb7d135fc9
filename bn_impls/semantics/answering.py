"""The worker process of the semantics matrix: one implementation, one question a request."""

from __future__ import annotations

import sys
from typing import Any

from bn_impls.isolation.serving import serve


class Server:
    """What the process can be asked to do. Each method returns a reply."""

    def do_start(self, specification: str) -> dict[str, Any]:
        """Import the implementation (and with it its framework)."""
        from bn_impls.isolation.loading import load_alone

        self.implementation = load_alone(specification)
        self.subjects: dict[str, Any] = {}
        return {"status": "ok"}

    def do_ask(self, question: str, style: Any) -> dict[str, Any]:
        """Answer one question in one call style."""
        from bn_impls.semantics.asking import Subject, ask
        from bn_impls.semantics.questions import BY_KEY

        if style not in self.subjects:
            self.subjects[style] = Subject(self.implementation, style)
        return {"status": "ok", **ask(BY_KEY[question], self.subjects[style]).as_json()}


if __name__ == "__main__":
    serve(Server(), parent=int(sys.argv[1]))
