"""Errors in four measures, by values worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from bn_impls.accuracy.errors import distance, error_figures, max_ulp, over, pattern, ulp

BFLOAT16 = ml_dtypes.bfloat16
NAN, INF = math.nan, math.inf


def array(*values: float, dtype: Any = np.float64) -> Any:
    """Shorthand."""
    return np.array(values, dtype)


@pytest.mark.parametrize(
    ("magnitude", "dtype", "spacing"),
    [
        (1.0, "float64", 2.0**-52), (1.0, "float32", 2.0**-23), (1.0, "float16", 2.0**-10), (1.0, "bfloat16", 2.0**-7),
        (3.0, "float32", 2.0**-22), (3.0, "float16", 2.0**-9), (3.0, "bfloat16", 2.0**-6),
        (0.75, "float32", 2.0**-24), (0.75, "bfloat16", 2.0**-8), (-1.0, "bfloat16", 2.0**-7),
        (0.0, "float32", 2.0**-149), (0.0, "float16", 2.0**-24), (0.0, "bfloat16", 2.0**-133),
        (1e-30, "bfloat16", 2.0**-107), (65000.0, "float16", 32.0),
    ],
)  # fmt: skip
def test_an_ulp_is_the_spacing_at_a_magnitude(magnitude: float, dtype: str, spacing: float) -> None:
    """Significands of 53, 24, 11 and 8 bits."""
    assert float(ulp(magnitude, dtype)) == spacing


@pytest.mark.parametrize("value", [1.0, 3.0, 0.75, 100.0, 1e-3, 2.0**-130])
def test_the_ulp_of_bfloat16_is_the_distance_to_its_next_number(value: float) -> None:
    """Against the type itself: one bit more in its 16."""
    number = BFLOAT16(value)
    following = (np.array(number).view(np.uint16) + np.uint16(1)).view(BFLOAT16)
    assert float(ulp(float(number), "bfloat16")) == float(following) - float(number)


def test_figures_of_one_quantity_by_hand() -> None:
    """Worst of each measure; without a channel axis every element is its own scale."""
    figures = error_figures(
        array(1.5, 2.0, -4.0),
        array(1.0, 2.0, -4.25),
        {"narrow": array(0.25, 1, 0.125), "wide": array(1, 1, 1)},
        "float32",
    )
    assert figures == {"abs": 0.5, "rel": 0.5, "ulp": 0.5 * 2**23, "narrow": 2.0, "wide": 0.5}


def test_the_scale_of_a_channel_is_its_largest_reference_value() -> None:
    """The zero crossing in the first column has the ulp of 4, the second column its own."""
    reference = np.array([[4.0, 0.25], [0.0, 0.125]])
    got = np.array([[4.0, 0.25], [0.5, 0.25]])
    figures = error_figures(got, reference, {}, "float16", channel_axis=1)
    assert figures == {"abs": 0.5, "rel": 0.5, "ulp": 512.0}  # 0.125 over the spacing at 0.25, 2^-12
    assert 0.5 / 2.0**-8 == 128.0  # what the first column alone would have given


def test_the_channel_axis_may_be_the_second_of_four() -> None:
    """Each channel against its own largest value."""
    reference = np.zeros((2, 2, 1, 2))
    reference[0, 0, 0, 0], reference[1, 1, 0, 1] = 8.0, 1.0
    got = reference + np.array([1.0, 0.5]).reshape(1, 2, 1, 1)
    figures = error_figures(got, reference, {}, "float64", channel_axis=1)
    assert (figures["abs"], figures["rel"], figures["ulp"]) == (1.0, 0.5, 2.0**51)


def test_no_error_is_0_over_any_bound_and_an_error_over_no_bound_is_beyond_all() -> None:
    """A constant channel has bound 0: exact is right, anything else is not."""
    exact = error_figures(array(0.0, 1.0), array(0.0, 1.0), {"b": array(0.0, 0.0)}, "float32")
    assert exact == {"abs": 0.0, "rel": 0.0, "ulp": 0.0, "b": 0.0}
    assert error_figures(array(1e-3), array(0.0), {"b": array(0.0)}, "float32")["b"] > 1e300


@pytest.mark.parametrize(
    ("got", "reference", "error"),
    [(NAN, 1.0, INF), (INF, 1.0, INF), (1.0, NAN, INF), (1.0, INF, INF), (-INF, INF, INF), (NAN, INF, INF),
     (NAN, NAN, 0.0), (INF, INF, 0.0), (-INF, -INF, 0.0)],
)  # fmt: skip
def test_what_is_not_finite_is_right_or_infinitely_wrong(got: float, reference: float, error: float) -> None:
    """Never "not a number", which no comparison would notice."""
    figures = error_figures(array(got, 1.0), array(reference, 1.0), {"b": array(1.0, 1.0)}, "float32")
    assert set(figures.values()) == {error}
    assert distance(array(got), array(reference)) == array(error)
    assert max_ulp(array(got), array(reference)) == error


def test_another_shape_is_refused() -> None:
    """Broadcasting would compare something."""
    with pytest.raises(ValueError, match=r"a result has shape \(1,\), but should be \(2,\)"):
        error_figures(array(1.0), array(1.0, 2.0), {}, "float32")


@pytest.mark.parametrize(
    ("got", "expected", "dtype", "ulps"),
    [
        ((1 + 2**-23, 2.0), (1.0, 2.0), np.float32, 1.0),
        ((1 + 2**-22, 2.0), (1.0, 2.0), np.float32, 2.0),
        ((1 - 2**-24,), (1.0,), np.float32, 0.5),
        ((1.0, 2.0), (1.0, 2.0), np.float32, 0.0),
        ((1 + 2**-10,), (1.0,), np.float16, 1.0),
        ((1 + 2**-7, 4.0), (1.0, 4.0), BFLOAT16, 1.0),
        ((1 + 2**-6, 4.0), (1.0, 4.0), BFLOAT16, 2.0),
        ((96.0,), (100.0,), BFLOAT16, 8.0),
        ((2.0**-149,), (0.0,), np.float32, 1.0),
        ((3, 7), (3, 5), np.int64, 2.0),
        ((0.0,), (-0.0,), np.float32, 0.0),
        ((), (), np.float32, 0.0),
    ],
)
def test_the_largest_difference_in_ulps_by_hand(
    got: tuple[float, ...], expected: tuple[float, ...], dtype: Any, ulps: float
) -> None:
    """Of the expected value's dtype; integers count in ones."""
    assert max_ulp(np.array(got, dtype), np.array(expected, dtype)) == ulps


def test_one_nan_in_common_does_not_hide_or_inflate_another_difference() -> None:
    """Poisoned in the same place, one ulp off in another."""
    got, expected = array(NAN, 1 + 2**-23, dtype=np.float32), array(NAN, 1.0, dtype=np.float32)
    assert max_ulp(got, expected) == 1.0


def test_arrays_of_different_shapes_are_infinitely_apart() -> None:
    """A checkpoint of another network."""
    assert max_ulp(array(1.0), array(1.0, 1.0)) == INF


def test_an_error_over_its_unit_is_never_not_a_number() -> None:
    """0 over 0 is 0; something over 0, or over no unit, is infinite."""
    found = over(array(0.0, 1.0, INF, 0.0, 1.0), array(0.0, 0.0, INF, NAN, NAN))
    assert found.tolist() == [0.0, INF, INF, 0.0, INF]


@pytest.mark.parametrize(
    ("got", "exact", "expected"),
    [
        ([1.0, math.nan], [2.0, math.nan], "same"),  # how far apart finite values are is another question
        ([math.inf, -math.inf], [math.inf, -math.inf], "same"),
        ([1.0, math.nan], [1.0, math.inf], "other kind"),
        ([math.inf, 1.0], [-math.inf, 1.0], "other kind"),
        ([math.nan, math.nan], [1.0, math.nan], "spread"),
        ([1.0, 1.0], [1.0, math.nan], "hidden"),
        ([1.0, math.nan], [math.nan, 1.0], "hidden"),  # the worse of the two
    ],
)
def test_the_pattern_of_values_that_are_not_finite(got: list[float], exact: list[float], expected: str) -> None:
    """Same, another kind, more of them, or fewer."""
    assert pattern(np.array(got, np.float32), np.array(exact)) == expected
