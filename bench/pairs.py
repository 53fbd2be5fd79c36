"""Latencies measured in pairs that follow one another: what two stretches have in common is their moment."""

import statistics
from collections.abc import Sequence
from math import comb
from typing import Final

_COVERED: Final = 0.95


def is_second_first(pair: int) -> bool:
    """Whether this pair is turned: every other one, so that what grows meanwhile is on both sides."""
    return pair % 2 == 1


class Ratios:
    """A figure of each pair's second kind of stretch as a share of that of the first kind."""

    def __init__(self, first: Sequence[float], second: Sequence[float]) -> None:
        self._sorted = sorted(b / a for a, b in zip(first, second, strict=True))

    @property
    def median(self) -> float:
        return statistics.median(self._sorted)

    @property
    def interval(self) -> tuple[float, float]:
        """Between which ratios of pairs the true median lies, in 95 of 100 benches (by order statistics).

        Of fewer than six pairs it cannot be told: then it is from the least to the greatest.
        """
        count = len(self._sorted)
        outside, at = 0.0, 0
        while at < count // 2 and 2 * (outside + comb(count, at) / 2**count) <= 1 - _COVERED:
            outside += comb(count, at) / 2**count
            at += 1
        at = max(at - 1, 0)
        return self._sorted[at], self._sorted[-1 - at]

    def as_json(self) -> dict[str, float | list[float]]:
        """`median`, `interval` and the ratio of each pair in order of size."""
        return {
            "median": round(self.median, 3),
            "interval": [round(end, 3) for end in self.interval],
            "pairs": [round(one, 3) for one in self._sorted],
        }

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.median:.2f} times ({len(self._sorted)} pairs; 95 %: {low:.2f} to {high:.2f})"
