"""How long executions waited, in buckets: a sketch of quantiles that is merged by adding counts.

Whole milliseconds up to ten seconds have a bucket each. Beyond, a bucket reaches 1 % further than the one
before it, and stands for a wait that is within 0.5 % of all that it holds. Each distinct execution keeps its
tier and bucket as one number (`codes`), so that what comes twice counts once; counting these makes the sketch
of any window.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint16]
Numbers = npt.NDArray[Any]

ERROR: Final = 0.005
"""How far a quantile lies from that of the waits themselves, at most, as a share of it."""
LONGEST_MS: Final = 2.0**53
_EXACT_MS: Final = 10_000
_LOG_GROWTH: Final = math.log(1.01)
BUCKETS: Final = _EXACT_MS + math.ceil(math.log(LONGEST_MS / _EXACT_MS) / _LOG_GROWTH) + 2


def _waits_ms() -> npt.NDArray[np.float64]:
    """The wait that each bucket stands for."""
    beyond = np.arange(1, BUCKETS - _EXACT_MS)
    upper = _EXACT_MS * np.exp(beyond * _LOG_GROWTH)
    lower = upper / 1.01
    return np.concatenate([np.arange(_EXACT_MS + 1.0), 2 * lower * upper / (lower + upper)])


_WAITS_MS: Final = _waits_ms()


def codes(tiers: Numbers, waits_ms: Numbers) -> Codes:
    """The tier (from 0) and the bucket of each wait in milliseconds; a wait below 0 is none.

    Tiers are fewer than five, and waits at most `LONGEST_MS`.
    """
    waits = np.maximum(np.asarray(waits_ms, np.float64), 0.0)
    beyond = np.ceil(np.log(np.maximum(waits, _EXACT_MS) / _EXACT_MS) / _LOG_GROWTH)
    buckets = np.where(waits <= _EXACT_MS, np.rint(waits), _EXACT_MS + beyond).astype(np.int64)
    return (np.asarray(tiers, np.int64) * BUCKETS + np.minimum(buckets, BUCKETS - 1)).astype(np.uint16)


@dataclass(frozen=True, slots=True)
class WaitSketch:
    """How many waits each bucket of one tier holds."""

    counts: npt.NDArray[np.int64]

    def merged(self, other: "WaitSketch") -> "WaitSketch":
        """The sketch of the waits of both."""
        return WaitSketch(self.counts + other.counts)

    @property
    def count(self) -> int:
        """How many waits."""
        return int(self.counts.sum())

    def quantiles_ms(self, *shares: float) -> list[float]:
        """Quantiles in milliseconds, interpolated as exact ones are, each within `ERROR`; 0 of none."""
        reached = np.cumsum(self.counts)
        if not reached[-1]:
            return [0.0] * len(shares)
        places = np.array(shares) * (reached[-1] - 1)
        below, above = (
            _WAITS_MS[np.searchsorted(reached, rounded(places), side="right")]
            for rounded in (np.floor, np.ceil)
        )
        found: list[float] = (below + (above - below) * (places % 1)).tolist()
        return found


def sketches(coded: Codes, tiers: int) -> list[WaitSketch]:
    """The sketch of each of the first `tiers` tiers, from the codes of distinct executions."""
    counts = np.bincount(coded, minlength=tiers * BUCKETS)[: tiers * BUCKETS]
    return [WaitSketch(of_tier) for of_tier in counts.reshape(tiers, BUCKETS)]
