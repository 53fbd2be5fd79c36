"""Sets of offsets behave as sets of numbers do."""

from hypothesis import given
from hypothesis import strategies as st

from openride_stream.offsets import Offsets

SOME = st.sets(st.integers(0, 40), max_size=30)


@given(SOME, SOME, st.integers(0, 40), st.integers(0, 40))
def test_they_are_sets(one: set[int], other: set[int], first: int, end: int) -> None:
    offsets = Offsets.of(sorted(one))
    assert set(offsets) == one
    assert len(offsets) == len(one)
    assert {number for number in range(42) if number in offsets} == one
    assert set(offsets.without(sorted(other))) == one - other
    assert set(offsets.between(first, end)) == {number for number in one if first <= number < end}
    for left, right in zip(offsets.ranges, offsets.ranges[1:], strict=False):
        assert left[0] < left[1] < right[0]


def test_millions_are_a_few_ranges() -> None:
    offsets = Offsets([(0, 10_000_000), (10_000_000, 20_000_000)]).without([5, 6, 12_000_000])
    assert offsets.ranges == [(0, 5), (7, 12_000_000), (12_000_001, 20_000_000)]
    assert len(offsets) == 19_999_997
    assert 12_000_000 not in offsets
