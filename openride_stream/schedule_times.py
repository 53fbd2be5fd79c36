"""How long executions of the scheduler wait and take, by tier, for Prometheus: a batch at a time.

Counted as they are read: what Kafka hands out twice counts twice here, as with every counter of what is read.
Answers of the API are of distinct executions.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from prometheus_client import Histogram

from openride_stream.events.accept import Accepted
from openride_stream.events.records import RecordBatch
from openride_stream.events.registry import Row
from openride_stream.events.topics import BY_NAME, Tier
from openride_stream.metrics import Metrics, bounds_of, observe_many

_WAITED: Final = {
    "mongo_periodic": "time_in_mongo_queue_ms",
    "clickhouse_delayed": "time_in_clickhouse_queue_ms",
    "redis_immediate": "time_in_redis_queue_ms",
}


class ScheduleTimes:
    """Keeps four metrics; its `apply` is a `Watcher`. Used on one event loop."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._bounds_ms = [round(bound * 1000) for bound in bounds_of("schedule_queue_seconds")]

    def apply(self, batch: RecordBatch, accepted: Accepted) -> None:
        """Take note of the accepted executions of one batch."""
        tier = BY_NAME[batch.topic].tier
        if tier is not None:
            executions = [row for row in accepted.rows if "is_update" not in row]
            if executions:
                self._take(tier, executions)

    def _take(self, tier: Tier, executions: Sequence[Row]) -> None:
        metrics, waited = self._metrics, _WAITED[tier]
        results = [row["execution_result"] for row in executions]
        for result in set(results):
            metrics.schedule_executions_total.labels(tier, result).inc(results.count(result))
        self._observe(
            metrics.schedule_queue_seconds.labels(tier), [row[waited] for row in executions if waited in row]
        )
        self._observe(
            metrics.schedule_processing_seconds.labels(tier),
            [row["total_processing_time_ms"] for row in executions],
        )
        self._observe(
            metrics.schedule_drift_seconds.labels(tier),
            # Who starts early is not late.
            [max(0, row["started_processing_at"] - row["scheduled_at"]) for row in executions],
        )

    def _observe(self, histogram: Histogram, times_ms: Sequence[int]) -> None:
        if not times_ms:
            return
        # A bucket holds what is its bound at the most, and more than the one before.
        ends = np.searchsorted(np.sort(np.asarray(times_ms, np.int64)), self._bounds_ms, side="right")
        counts = np.diff(ends, prepend=0, append=len(times_ms)).tolist()
        observe_many(histogram, counts, sum(times_ms) / 1000)
