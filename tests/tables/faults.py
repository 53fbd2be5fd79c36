"""Weeks of a platform by minute, and faults put into an hour of them."""

from dataclasses import dataclass

import numpy as np

from tables.anomalies import MINUTE_MS, Anomaly, Baseline, Observed, Usual, anomalies, scores

HOUR, MARGIN, DAYS = 60, 10, 20
MINUTES = HOUR + 2 * MARGIN
FAULTS = ("none comes", "half comes", "twice as many", "four times as many")
_SHARE = dict(zip(FAULTS, (0.0, 0.5, 2.0, 4.0), strict=True))


@dataclass(frozen=True, slots=True)
class Trial:
    """One hour with a fault in the minutes [begin, end), or without one, and what was flagged."""

    fault: str | None
    begin: int
    end: int
    flagged: list[Anomaly]

    @property
    def hits(self) -> list[Anomaly]:
        """Flags that overlap the fault, on its side."""
        if self.fault is None:
            return []
        side = "low" if _SHARE[self.fault] < 1 else "high"
        span = self.begin * MINUTE_MS, self.end * MINUTE_MS
        return [
            one
            for one in self.flagged
            if one.direction == side and one.start_ms < span[1] and span[0] < one.end_ms
        ]


@dataclass(frozen=True, slots=True)
class Way:
    """How hours are judged, and how a platform grows from day to day."""

    newest_weight: float | None = None
    growth: float = 1.0


def trial(rng: np.random.Generator, rate: float, fault: str | None, way: Way) -> Trial:
    """An hour about `rate` events a minute: days and minutes each differ by a tenth."""
    minutes = 15
    curve = rate * (1 + 0.3 * np.sin(np.arange(MINUTES) / 25 + rng.uniform(0, 6)))
    days = rng.normal(1, 0.1, (DAYS + 1, 1)).clip(0.5)
    # The last one is today, the first yesterday.
    days[:DAYS] *= way.growth ** -np.arange(1, DAYS + 1)[:, np.newaxis]
    swings = rng.gamma(100, 0.01, (DAYS + 1, MINUTES))
    expected = curve * days * swings
    begin = int(rng.integers(10, HOUR - minutes))
    if fault is not None:
        expected[DAYS, MARGIN + begin : MARGIN + begin + minutes] *= _SHARE[fault]
    counts = rng.poisson(expected).astype(float)
    history = counts[:DAYS]
    baseline = Baseline(-MARGIN * MINUTE_MS, DAYS, {"trips_started": Usual(history, history)})
    observed = Observed("trips_started", 0, counts[DAYS, MARGIN : MARGIN + HOUR])
    return Trial(
        fault, begin, begin + minutes, [*anomalies(scores(observed, baseline, 5, way.newest_weight), 5.0)]
    )


def rates(
    rng: np.random.Generator, rate: float, trials: int, way: Way = Way()
) -> dict[str, tuple[float, float]]:
    """Precision and recall for each fault, as many hours with it as without.

    Precision: flags that are of the fault, of all flags. Recall: faults that were flagged, of all faults.
    """
    calm = [trial(rng, rate, None, way) for _ in range(trials)]
    told = {}
    for fault in FAULTS:
        hours = [trial(rng, rate, fault, way) for _ in range(trials)]
        hits = sum(len(one.hits) for one in hours)
        flags = sum(len(one.flagged) for one in (*hours, *calm))
        told[fault] = hits / flags if flags else 0.0, sum(bool(one.hits) for one in hours) / trials
    return told
