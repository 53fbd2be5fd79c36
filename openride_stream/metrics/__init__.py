"""Every Prometheus metric of the application, declared once in `SPECS`.

`Metrics` holds one typed handle for each; docs/metrics-prometheus.md is generated from the same list by
`python -m openride_stream.metrics`. Label values are bounded by code (topics, tables, route templates,
error classes), never taken from an event.
"""

from collections.abc import Sequence
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from openride_stream.metrics.ingest import INGEST
from openride_stream.metrics.serving import SERVING
from openride_stream.metrics.spec import PREFIX, MetricSpec

__all__ = ["CONTENT_TYPE", "PREFIX", "SPECS", "MetricSpec", "Metrics", "bounds_of", "observe_many"]

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

SPECS: Final = (*INGEST, *SERVING)


class Metrics:
    """A handle for every entry of `SPECS`, on a registry of its own.

    One instance a process is enough; a test makes its own, so counts never leak between tests.
    """

    records_read_total: Counter
    events_accepted_total: Counter
    rejects_total: Counter
    dead_letters_published_total: Counter
    dead_letters_left_out_total: Counter
    paused_partitions: Gauge
    rows_inserted_total: Counter
    flush_duration_seconds: Histogram
    flush_rows: Histogram
    batch_records: Histogram
    batch_durable_seconds: Histogram
    decode_seconds: Histogram
    store_retries_total: Counter
    store_available: Gauge
    broker_available: Gauge
    unacked_rows: Gauge
    consumer_lag_records: Gauge
    last_commit_age_seconds: Gauge
    watermark_timestamp_seconds: Gauge
    lateness_seconds: Histogram
    anomaly_deviations: Gauge
    schedule_executions_total: Counter
    schedule_queue_seconds: Histogram
    schedule_processing_seconds: Histogram
    schedule_drift_seconds: Histogram
    schedule_tier_degraded: Gauge
    schedule_tier_critical: Gauge
    schedule_stuck_schedules: Gauge
    schedule_queue_limit_seconds: Gauge
    table_rows: Gauge
    table_bytes: Gauge
    store_disk_free_bytes: Gauge
    store_disk_total_bytes: Gauge
    live_table_keys: Gauge
    http_request_duration_seconds: Histogram
    preaggregation_duration_seconds: Histogram
    dirty_days: Gauge
    cache_requests_total: Counter
    exports_total: Counter
    reports_total: Counter

    def __init__(self) -> None:
        # A creation time beside every counter doubles the size of a scrape and nothing here reads it.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        for spec in SPECS:
            setattr(self, spec.name, _build(spec, self.registry))

    def render(self) -> bytes:
        """The text exposition of /metrics; serve it as `CONTENT_TYPE`."""
        return generate_latest(self.registry)


def _build(spec: MetricSpec, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    if spec.kind == "counter":
        return Counter(spec.full_name, spec.help, spec.labels, registry=registry)
    if spec.kind == "gauge":
        return Gauge(spec.full_name, spec.help, spec.labels, registry=registry)
    return Histogram(spec.full_name, spec.help, spec.labels, registry=registry, buckets=spec.buckets)


def bounds_of(name: str) -> tuple[float, ...]:
    """Upper bounds of the buckets of the histogram `name`, in its unit, but for the one of all the rest."""
    return next(spec.buckets for spec in SPECS if spec.name == name)


def observe_many(histogram: Histogram, counts: Sequence[int], total: float) -> None:
    """Add many observations at once, as `observe` would one by one.

    Args:
        histogram: a child without labels left to give.
        counts: observations in each bucket, from the first on; where they end, the others have none.
        total: their sum, in the histogram's unit.
    """
    # prometheus-client has no public way; a test compares with `observe`.
    for bucket, count in zip(histogram._buckets, counts, strict=False):
        if count:
            bucket.inc(count)
    histogram._sum.inc(total)
