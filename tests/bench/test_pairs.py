"""Ratios of pairs: the median, and between which pairs it truly lies."""

import pytest

from bench.pairs import Ratios, is_second_first


@pytest.mark.parametrize(
    ("count", "interval"),
    [
        (1, (1, 1)),
        (5, (1, 5)),
        # As in tables of the sign test: of twelve the third and the tenth, of 24 the seventh and the 18th.
        (6, (1, 6)),
        (12, (3, 10)),
        (24, (7, 18)),
    ],
)
def test_the_interval_is_that_of_the_sign_test(count: int, interval: tuple[int, int]) -> None:
    ratios = Ratios([1.0] * count, [float(place) for place in range(count, 0, -1)])
    assert ratios.interval == interval
    assert ratios.median == (count + 1) / 2


def test_every_other_pair_is_turned() -> None:
    assert [is_second_first(pair) for pair in range(4)] == [False, True, False, True]
