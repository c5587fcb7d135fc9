"""The claims: one module each, named ``cNN_short_name``, which exports ``CLAIM``; a new file is found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from benchmarks.claims.model import Claim
from bn_impls.errors import UnknownName


@cache
def claims() -> dict[str, Claim]:
    """Every claim by its id, in their order.

    Raises:
        ValueError: a module's name contradicts its claim's id, or two claims have one id.
    """
    found: dict[str, Claim] = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        claim: Claim = importlib.import_module(f"{__name__}.{name}").CLAIM
        if not name.startswith(f"{claim.id.lower()}_") or claim.id in found:
            raise ValueError(
                f"module {name} holds claim {claim.id}, but should be {claim.id.lower()}_... and only once"
            )
        found[claim.id] = claim
    return found


def chosen(ids: list[str]) -> list[Claim]:
    """The claims with these ids, upper or lower case, in the catalogue's order; all of them for none.

    Raises:
        UnknownName: there is no such claim.
    """
    known, wanted = claims(), {one.upper() for one in ids}
    for one in sorted(wanted):
        if one not in known:
            raise UnknownName.among("claim", one, known, "`bn-bench claims --list` has them with their statements.")
    return [claim for claim in known.values() if not wanted or claim.id in wanted]
