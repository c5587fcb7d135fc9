"""How long a moving average's start value weighs: the one formula of C09, C23 and C28.

After t updates of a constant decay the average still holds ``start * decay**t`` of its start value. Inference adds
epsilon, so the start weighs as much as what it is added to when ``start * decay**t = variance + epsilon``::

    t = ln((variance + epsilon) / start) / ln(decay)

It is 0 where the variance is no smaller than the start value. docs/the-hump.md tells what happens until then.
"""

from __future__ import annotations

import math

FORMULA = "ln((variance + epsilon) / start) / ln(decay)"
LITTLE = 0.01
"""Share of the variance that what is left of the start value may be before inference is trusted."""


def updates_until(share: float, decay: float) -> float:
    """Updates after which only so much is left of a start value.

    Args:
        share: what is left, above 0; 1 or more is left at once.
        decay: of the moving average, between 0 and 1.
    """
    return 0.0 if share >= 1 else math.log(share) / math.log(decay)


def until_little(decay: float) -> str:
    """Whole updates until :data:`LITTLE` is left, for a sentence."""
    return f"{math.ceil(updates_until(LITTLE, decay)):,}"


WAIT = (
    f"the start value outweighs the variance for {FORMULA} updates, with the smallest variance that is normalized, and "
    f"is {100 * LITTLE:g} % of it after ln({LITTLE:g}) / ln(decay) more"
)
"""Until when inference is not to be trusted, of an average without a correction."""
EXAMPLE = (
    f"With a start value of 1, where variances are about 1, that is {until_little(0.9)} updates in all at decay 0.9, "
    f"{until_little(0.99)} at 0.99 and {until_little(0.999)} at 0.999; where they are far below an epsilon of 0.001, "
    f"the first part alone is {updates_until(1e-3, 0.99):.0f} at 0.99 (docs/the-hump.md)"
)
"""The same in numbers."""
