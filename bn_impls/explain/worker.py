"""The process that holds one side: imports its framework, builds its layer, and gives its answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from bn_impls.isolation.serving import serve


class Server:
    """What the process can be asked to do. Each method returns a reply."""

    def do_start(self, specification: str) -> dict[str, Any]:
        """Import the implementation, and with it its framework."""
        from bn_impls.isolation.loading import load_alone

        self.implementation = load_alone(specification)
        return {"status": "ok"}

    def do_observe(
        self, question: dict[str, Any], style: str, conventions: dict[str, Any] | None, path: str
    ) -> dict[str, Any]:
        """Build a layer, take it through all steps, and leave its answers in a file."""
        from dataclasses import asdict

        from bn_impls.explain.observing import built, observe, save
        from bn_impls.explain.question import understood
        from bn_impls.interface import Conventions, Unsupported

        asked = understood(question)
        given = None if conventions is None else Conventions(**conventions)
        layer = built(self.implementation, asked, style, given)  # type: ignore[arg-type]  # checked by Configuration
        if isinstance(layer, Unsupported):
            return {"status": "unsupported", "reason": layer.reason}
        try:
            found = save(observe(layer, asked), Path(path))
            return {"status": "ok", "conventions": asdict(layer.configuration.conventions), **found}
        finally:
            layer.close()


if __name__ == "__main__":
    serve(Server(), parent=int(sys.argv[1]))
