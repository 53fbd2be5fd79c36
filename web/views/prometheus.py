"""`GET /metrics`: this worker's metrics, for Prometheus."""

from typing import Final

from pydantic import BaseModel

from openride_stream.metrics import CONTENT_TYPE
from web.context import Context
from web.endpoint import Endpoint, Reply


async def _metrics(context: Context, query: BaseModel) -> Reply:
    del query
    _measure_progress(context)
    return Reply(context.metrics.render(), content_type=CONTENT_TYPE)


def _measure_progress(context: Context) -> None:
    """Bring the gauges up to date that only the consumer knows; a partition that has left has no lag."""
    progress = context.group.progress()
    metrics = context.metrics
    metrics.consumer_lag_records.clear()
    for (topic, partition), lag in progress.lag_records.items():
        metrics.consumer_lag_records.labels(topic, str(partition)).set(lag)
    if progress.last_commit_age_s is not None:
        metrics.last_commit_age_seconds.set(progress.last_commit_age_s)


ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/metrics",
        "viewer",
        "This worker's metrics in Prometheus' text format.",
        _metrics,
        content_type=CONTENT_TYPE,
    ),
)
