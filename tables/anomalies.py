"""What of the last hour is unusual: each series by minute, against the same time on earlier days. Pure.

The events of some minutes together are compared with those of the same minutes, and of the ones beside
them, on earlier days of the same kind. A score is how many spreads they lie from the median: the spread is
the median absolute deviation (as a standard deviation), or that of independent events where that is more.
Instead of medians an exponentially weighted mean and deviation may be taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from openride_stream.api.anomalies import SeriesName

Direction = Literal["low", "high"]
Numbers = npt.NDArray[np.float64]

SERIES: Final[tuple[SeriesName, ...]] = (
    "trips_started",
    "trips_completed",
    "bookings_created",
    "bookings_cancelled",
    "revenue",
    "payments_success",
    "payments_failed",
)
LEAST_DAYS: Final = 4
MINUTE_MS: Final = 60_000
_MAD_TO_DEVIATION: Final = 1.4826
_SHIFTS: Final = 3
_MOST_DEVIATIONS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Usual:
    """One series at a time of the day, on earlier days of the same kind.

    Attributes:
        sums: (days, minutes), what each minute held; the newest day first.
        squares: (days, minutes), the sum of squares over its events: the variance, were they independent.
        event: mean square of one event; 1 where events are counted.
    """

    sums: Numbers
    squares: Numbers
    event: float = 1.0


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is usual from `start_ms` on, minute by minute; a series is there when enough days are."""

    start_ms: int
    days: int
    series: Mapping[SeriesName, Usual]


@dataclass(frozen=True, slots=True)
class Observed:
    """One series of late: `numbers` has what each minute from `start_ms` on held."""

    series: SeriesName
    start_ms: int
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Score:
    """The minutes from `start_ms` to `end_ms` (since the epoch) of one series, and what is usual then."""

    series: SeriesName
    start_ms: int
    end_ms: int
    observed: float
    expected: float
    score: float


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Minutes in which a series was unusual; `peak` is the most unusual window among them.

    `ongoing` when it may have begun before what was judged.
    """

    series: SeriesName
    direction: Direction
    start_ms: int
    end_ms: int
    peak: Score
    ongoing: bool


def scores(
    observed: Observed, baseline: Baseline, window: int, newest_weight: float | None = None
) -> list[Score]:
    """A score for each run of `window` minutes of what was observed, in order of time.

    What is usual is the median of earlier days; with `newest_weight` their mean, in which the newest day has
    that weight and each one before has less by the same share, before all are made to add up to 1. None where
    the baseline does not reach from `window` minutes before it to `window` minutes after.
    """
    usual, seen = baseline.series[observed.series], observed.numbers
    first = (observed.start_ms - baseline.start_ms) // MINUTE_MS
    count = len(seen) - window + 1
    if count < 1 or first < window or usual.sums.shape[1] < first + len(seen) + window:
        return []
    samples, chances = (
        np.concatenate([sums[:, begin : begin + count] for begin in (first - window, first, first + window)])
        for sums in (_together(usual.sums, window), _together(usual.squares, window))
    )
    expected, deviation, chance = (
        _robust(samples, chances) if newest_weight is None else _weighted(samples, chances, newest_weight)
    )
    # One event more or less is never unusual by itself.
    spread = np.sqrt(np.maximum(deviation**2, chance) + usual.event)
    together = _together(seen[np.newaxis], window)[0]
    found = np.stack([together, expected, (together - expected) / spread], axis=1).tolist()
    starts = range(observed.start_ms, observed.start_ms + count * MINUTE_MS, MINUTE_MS)
    return [
        Score(observed.series, start_ms, start_ms + window * MINUTE_MS, *numbers)
        for start_ms, numbers in zip(starts, found, strict=True)
    ]


def _robust(samples: Numbers, chances: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """What is usual, how far samples lie from it, and the variance that chance alone would have."""
    expected = np.median(samples, axis=0)
    deviation = _MAD_TO_DEVIATION * np.median(np.abs(samples - expected), axis=0)
    return expected, deviation, np.median(chances, axis=0)


def _weighted(samples: Numbers, chances: Numbers, newest_weight: float) -> tuple[Numbers, Numbers, Numbers]:
    """The same, a day the less the longer it is ago; rows are the days, newest first, once for each shift."""
    days = len(samples) // _SHIFTS
    of_days = (1 - newest_weight) ** np.arange(days)
    weights = np.tile(of_days / of_days.sum() / _SHIFTS, _SHIFTS)
    expected = weights @ samples
    # Beyond that a day was no day like the others: it must not hide what is unusual today.
    most = (
        _MOST_DEVIATIONS * _MAD_TO_DEVIATION * np.median(np.abs(samples - np.median(samples, axis=0)), axis=0)
    )
    far = np.minimum(np.abs(samples - expected), np.maximum(most, np.sqrt(weights @ chances + 1)))
    return expected, np.sqrt(weights @ far**2), weights @ chances


def _together(numbers: Numbers, window: int) -> Numbers:
    """Sums of `window` numbers each along the last axis."""
    ends = np.cumsum(np.pad(numbers, ((0, 0), (1, 0))), axis=1)
    together: Numbers = ends[:, window:] - ends[:, :-window]
    return together


def anomalies(judged: Sequence[Score], threshold: float) -> Iterator[Anomaly]:
    """Windows of one series whose scores reach the threshold; those that touch on one side are one."""
    runs: list[list[Score]] = []
    for score in judged:
        if abs(score.score) < threshold:
            continue
        touches = runs and score.start_ms <= runs[-1][-1].end_ms and score.score * runs[-1][-1].score > 0
        if touches:
            runs[-1].append(score)
        else:
            runs.append([score])
    for run in runs:
        peak = max(run, key=lambda score: abs(score.score))
        direction: Direction = "high" if peak.score > 0 else "low"
        ongoing = run[0] is judged[0]
        yield Anomaly(peak.series, direction, run[0].start_ms, run[-1].end_ms, peak, ongoing)
