"""How long executions of the scheduler wait and take, by tier, for Prometheus: a batch at a time.

Counted as they are read: what Kafka hands out twice counts twice here, as with every counter of what is read.
Answers of the API are of distinct executions.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from prometheus_client import Histogram

from openride_stream.events.accept import Accepted
from openride_stream.events.columnar.columns import Columns
from openride_stream.events.records import RecordBatch
from openride_stream.events.registry import EXECUTION_KIND, Row
from openride_stream.events.topics import BY_NAME, Tier
from openride_stream.metrics import Metrics, bounds_of, observe_many

Times = npt.NDArray[np.float64]

_WAITED: Final = {
    "mongo_periodic": "time_in_mongo_queue_ms",
    "clickhouse_delayed": "time_in_clickhouse_queue_ms",
    "redis_immediate": "time_in_redis_queue_ms",
}


@dataclass(frozen=True, slots=True)
class _Executions:
    """How many ended how; and times, in milliseconds."""

    results: Mapping[str, int]
    waited_ms: Times
    took_ms: Times
    drift_ms: Times


class ScheduleTimes:
    """Keeps four metrics; its `apply` is a `Watcher`. Used on one event loop."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._bounds_ms = [round(bound * 1000) for bound in bounds_of("schedule_queue_seconds")]

    def apply(self, batch: RecordBatch, accepted: Accepted) -> None:
        """Take note of the accepted executions of one batch."""
        tier = BY_NAME[batch.topic].tier
        if tier is not None:
            for executions in _executions(accepted, tier):
                self._take(tier, executions)

    def _take(self, tier: Tier, executions: _Executions) -> None:
        metrics = self._metrics
        for result, count in executions.results.items():
            metrics.schedule_executions_total.labels(tier, result).inc(count)
        self._observe(metrics.schedule_queue_seconds.labels(tier), executions.waited_ms)
        self._observe(metrics.schedule_processing_seconds.labels(tier), executions.took_ms)
        # Who starts early is not late.
        self._observe(metrics.schedule_drift_seconds.labels(tier), np.maximum(executions.drift_ms, 0))

    def _observe(self, histogram: Histogram, times_ms: Times) -> None:
        if not len(times_ms):
            return
        # A bucket holds what is its bound at the most, and more than the one before.
        ends = np.searchsorted(np.sort(times_ms), self._bounds_ms, side="right")
        counts = np.diff(ends, prepend=0, append=len(times_ms)).tolist()
        observe_many(histogram, counts, float(times_ms.sum()) / 1000)


def _executions(accepted: Accepted, tier: Tier) -> Iterator[_Executions]:
    """Those that came as columns, shape by shape, then those that came as rows."""
    for columns in accepted.columns:
        if columns.kind == EXECUTION_KIND:
            yield _of_columns(columns, _WAITED[tier])
    if rows := [row for row in accepted.rows if "is_update" not in row]:
        yield _of_rows(rows, _WAITED[tier])


def _of_columns(executions: Columns, waited: str) -> _Executions:
    def times_ms(name: str) -> Times:
        return np.asarray(executions.columns.get(name, ()), np.float64)

    result = executions.constants.get("execution_result")
    results = executions.columns["execution_result"] if result is None else [result] * len(executions)
    waited_ms = times_ms(waited)
    return _Executions(
        Counter(map(str, results)),
        waited_ms[~np.isnan(waited_ms)],
        times_ms("total_processing_time_ms"),
        times_ms("started_processing_at") - times_ms("scheduled_at"),
    )


def _of_rows(executions: Sequence[Row], waited: str) -> _Executions:
    def times_ms(name: str) -> Times:
        return np.array([row[name] for row in executions if name in row], np.float64)

    return _Executions(
        Counter(row["execution_result"] for row in executions),
        times_ms(waited),
        times_ms("total_processing_time_ms"),
        times_ms("started_processing_at") - times_ms("scheduled_at"),
    )
