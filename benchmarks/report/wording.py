"""Numbers and names as a reader wants to see them. No locale, no float noise, never a control character."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

MISSING = "not recorded"
TIMES = "\N{MULTIPLICATION SIGN}"
DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
WORKS = {
    "training_forward_backward": "Training: forward and backward",
    "network_training_step": "Training step of a whole network",
    "inference": "Inference",
    "training_forward": "Training: forward only",
}
QUANTITIES = {
    "output_training": "training output",
    "output_inference": "inference output",
    "gradient_input": "gradient of input",
    "gradient_gamma": "gradient of gamma",
    "gradient_beta": "gradient of beta",
    "moving_mean": "moving mean",
    "moving_variance": "moving variance",
    "second_order_input": "second-order gradient",
    "second_order_output_gradient": "second-order gradient of dy",
}
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}  # control, format (bidi overrides), surrogates, private use


def visible(text: str) -> str:
    """The text with every control, direction-changing and unpaired character written out as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if unicodedata.category(character) not in _HIDDEN
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in re.sub(r"\s*[\r\n]+\s*", " ", text)
    )


def shorten(text: str, limit: int) -> str:
    """The text, cut to the limit with an ellipsis."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, plainly written from 0.001 to 9,999,999."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if value == 0:
        return "0"
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    exponent = int(power)
    if not -4 < exponent < 7:
        return f"{mantissa}e{exponent}"
    return f"{round(value, digits - 1 - exponent):,.{max(digits - 1 - exponent, 0)}f}"


def ratio(value: float) -> str:
    """A ratio, with a third decimal where it is near 1, so that 1.004 does not read as 1."""
    if value == 1:
        return "1"
    return f"{value:.3f}" if 0.9 < value < 1.1 else significant(value)


def of_bound(value: float) -> str:
    """An error over its bound: ``0.52 of its bound``, ``69 times its bound``."""
    return f"{significant(value, 2)} of its bound" if value <= 1 else f"{significant(value, 2)} times its bound"


def duration(seconds: float | None) -> str:
    """Seconds in the unit that suits: 12.3 µs, 4.56 ms, 7.89 s."""
    if seconds is None:
        return MISSING
    for unit, size in (("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3)):
        if abs(seconds) < 999.5 * size:
            return f"{significant(seconds / size)} {unit}"
    return f"{significant(seconds)} s"


def data_size(number: float | None) -> str:
    """Bytes as B, KiB or MiB."""
    if number is None:
        return MISSING
    for unit, size in (("B", 1.0), ("KiB", 1024.0)):
        if abs(number) < 1000 * size:
            return f"{number / size:,.0f} {unit}" if unit == "B" else f"{significant(number / size)} {unit}"
    return f"{significant(number / 1024**2)} MiB"


def percent(fraction: float | None, digits: int = 2) -> str:
    """A fraction of 1 in percent."""
    return MISSING if fraction is None else f"{100 * fraction:.{digits}f} %"


def whole(value: float | None) -> str:
    """A count that came as a float."""
    if value is None:
        return MISSING
    return f"{value:,.0f}" if math.isfinite(value) and value == int(value) else significant(value)


def power_of_ten(value: float) -> str:
    """A tick of a logarithmic axis: plain near 1, a power elsewhere, never TeX."""
    if value <= 0:
        return "0"
    exponent = round(math.log10(value))
    if -4 < exponent < 4:
        return f"{value:,.{max(-exponent, 0)}f}"
    return "10" + str(exponent).translate(SUPERSCRIPTS)


def count(number: int, singular: str, plural: str = "") -> str:
    """``1 case``, ``3 cases``, ``1,200 cases``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def listing(items: Sequence[str], limit: int = 6) -> str:
    """``a``, ``a and b``, ``a, b and c``, ``a, b and 7 more``."""
    shown = list(items)
    if len(shown) > limit:
        shown = [*shown[: limit - 1], f"{len(items) - limit + 1} more"]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def shape_text(shape: Sequence[int]) -> str:
    """``dense 32x32``, ``maps 32x56x56x64``, with multiplication signs."""
    kind = {2: "dense ", 3: "sequences ", 4: "maps ", 5: "volumes "}.get(len(shape), "")
    return kind + TIMES.join(str(size) for size in shape) if shape else "any shape"
