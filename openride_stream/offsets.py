"""Sets of offsets as ascending, disjoint ranges, so that millions of them fit on a page. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

Range = tuple[int, int]
"""Offsets `first` up to, and without, `end`."""


class Offsets:
    """An immutable set of offsets."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        """Adjacent ranges become one.

        Args:
            ranges: ascending and disjoint; empty ones are left out.
        """
        merged: list[Range] = []
        for first, end in ranges:
            if merged and merged[-1][1] == first:
                merged[-1] = (merged[-1][0], end)
            elif end > first:
                merged.append((first, end))
        self._ranges = merged

    @classmethod
    def of(cls, offsets: Iterable[int]) -> "Offsets":
        """The set of single `offsets`, given in ascending order."""
        return cls((offset, offset + 1) for offset in offsets)

    @property
    def ranges(self) -> Sequence[Range]:
        """Ascending, disjoint, not adjacent."""
        return self._ranges

    def __len__(self) -> int:
        """How many offsets there are."""
        return sum(end - first for first, end in self._ranges)

    def __contains__(self, offset: int) -> bool:
        """Whether `offset` is one of them, in logarithmic time."""
        place = bisect_right(self._ranges, offset, key=lambda one: one[0])
        return place > 0 and offset < self._ranges[place - 1][1]

    def __iter__(self) -> Iterator[int]:
        """Every offset, ascending."""
        for first, end in self._ranges:
            yield from range(first, end)

    def __eq__(self, other: object) -> bool:
        """The same offsets."""
        return isinstance(other, Offsets) and self._ranges == other._ranges

    __hash__ = None  # type: ignore[assignment]  # compared in tests only

    def __repr__(self) -> str:
        """As it could be typed."""
        return f"Offsets({self._ranges})"

    def between(self, first: int, end: int) -> "Offsets":
        """Those from `first` up to, and without, `end`."""
        return Offsets((max(one, first), min(other, end)) for one, other in self._ranges)

    def without(self, offsets: Iterable[int]) -> "Offsets":
        """Those that are not among `offsets`, which ascend."""
        return Offsets(self._cut(offsets))

    def _cut(self, offsets: Iterable[int]) -> Iterator[Range]:
        cuts = iter(offsets)
        cut = next(cuts, None)
        for first, end in self._ranges:
            start = first
            while cut is not None and cut < end:
                if cut >= start:
                    yield start, cut
                    start = cut + 1
                cut = next(cuts, None)
            yield start, end
