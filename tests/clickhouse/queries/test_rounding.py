"""Half up to two places, of whatever was stored."""

from decimal import Decimal
from fractions import Fraction
from math import fsum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openride_stream.clickhouse.queries.rounding import (
    average,
    average_money,
    money,
    percentage,
    total,
    two_places,
)
from tests.reference import arithmetic


@pytest.mark.parametrize(
    ("amount", "count", "expected"),
    [
        (0.0049999999999, 1, 0.0),
        (0.005, 1, 0.01),
        (1.005, 1, 1.01),
        (0.1 + 0.2 + 0.015, 3, 0.11),  # the sum is 0.315, and its double lies below it
        (1e19, 1, 1e19),
        (1e19, 3, 1e19 / 3),
        (1.7e308, 1, 1.7e308),
        (0.0, 0, 0.0),
    ],
)
def test_an_average_of_doubles(amount, count, expected):
    assert average(amount, count) == expected


@given(st.lists(st.decimals(0, 10**6, places=3), min_size=1, max_size=30))
def test_the_average_of_a_sum_of_doubles_is_that_of_the_decimals_that_were_sent(amounts):
    exact = arithmetic.half_up(Fraction(sum(amounts)) / len(amounts))
    assert average(fsum(map(float, amounts)), len(amounts)) == float(exact)
    assert total(fsum(map(float, amounts)), len(amounts)) == float(arithmetic.half_up(sum(amounts)))


@given(st.floats(0, 1e300, allow_nan=False), st.integers(2, 10**9))
def test_no_size_fails_or_moves_an_average_by_more_than_a_cent_or_an_ulp(amount, count):
    assert average(amount, count) == pytest.approx(amount / count, rel=1e-15, abs=0.0051)


@given(st.decimals(-(10**30), 10**30, places=5))
def test_money_and_its_mean(amount):
    assert money(amount) == arithmetic.money(amount)
    assert average_money(amount, 7) == arithmetic.money(Fraction(amount) / 7)


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_percentage(part, whole):
    assert percentage(part, whole) == arithmetic.rate(part, whole)


def test_a_quantile():
    assert two_places(2310.45) == 2310.45
    assert two_places(1e19) == 1e19
    assert two_places(Decimal("0.125")) == 0.13
