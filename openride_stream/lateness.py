"""How far events lie behind: the watermark and the lateness of each topic, a batch at a time.

The watermark of a topic is the least, over its partitions that are being read, of the newest event time seen
there: before it, input is presumed complete. It never runs backwards, and a partition that has been quiet for
a minute (or is no longer ours) holds nothing back. Event times ahead of the clock count as now: one phone
whose clock is wrong by a day must not make everybody else a day late.

Whole batches are looked at by functions that loop in C: 0.1 µs an event.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
from prometheus_client import Gauge, Histogram

from openride_stream.clock import Clock
from openride_stream.events.accept import Accepted
from openride_stream.events.records import RecordBatch
from openride_stream.metrics import Metrics, bounds_of, observe_many

_QUIET_S: Final = 60.0


@dataclass(slots=True)
class _Topic:
    """`newest` is by partition: newest event time (ms) and when (s, monotonic) a batch last came."""

    watermark: Gauge
    lateness: Histogram
    newest: dict[int, tuple[int, float]] = field(default_factory=dict)
    watermark_ms: int = 0

    def advance(self, partition: int, event_ms: int, now_s: float) -> None:
        before, _ = self.newest.get(partition, (0, now_s))
        self.newest[partition] = (max(before, event_ms), now_s)
        least = min(newest for newest, seen_s in self.newest.values() if now_s - seen_s < _QUIET_S)
        if least > self.watermark_ms:
            self.watermark_ms = least
            self.watermark.set(least / 1000)


class Lateness:
    """Keeps two metrics; its `apply` is a `Watcher`. Used on one event loop."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._topics: dict[str, _Topic] = {}
        self._bounds_ms = [round(bound * 1000) for bound in bounds_of("lateness_seconds")]

    def apply(self, batch: RecordBatch, accepted: Accepted) -> None:
        """Take note of the accepted events of one batch."""
        if not len(accepted):
            return
        times_ms = np.sort(accepted.times_ms)
        topic = self._topics.get(batch.topic) or self._first_seen(batch.topic)
        topic.advance(
            batch.partition, min(int(times_ms[-1]), self._clock.now_ms()), self._clock.monotonic_s()
        )
        self._observe(topic, times_ms)

    def _first_seen(self, name: str) -> _Topic:
        watermark = self._metrics.watermark_timestamp_seconds.labels(name)
        topic = self._topics[name] = _Topic(watermark, self._metrics.lateness_seconds.labels(name))
        return topic

    def _observe(self, topic: _Topic, times_ms: npt.NDArray[np.int64]) -> None:
        """Count events, in order of time, by how far they lie behind the newest of their topic."""
        newest_ms = max(newest for newest, _ in topic.newest.values())
        behind_ms = np.maximum(newest_ms - times_ms[::-1], 0)
        # A bucket holds what is behind by its bound at the most, and by more than the one before.
        beyond = np.searchsorted(behind_ms, self._bounds_ms, side="right")
        counts = np.diff(beyond, prepend=0, append=len(behind_ms)).tolist()
        observe_many(topic.lateness, counts, int(behind_ms.sum()) / 1000)
