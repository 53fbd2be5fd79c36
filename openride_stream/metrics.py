"""Every Prometheus metric of the application, declared once in `SPECS`.

`Metrics` holds one typed handle for each; docs/metrics-prometheus.md is generated from the same list by
`python -m openride_stream.metrics`. Label values are bounded by code (topics, tables, route templates,
error classes), never taken from an event.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

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

PREFIX: Final = "openride_"
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

Kind = Literal["counter", "gauge", "histogram"]
Unit = Literal[
    "records",
    "bytes",
    "keys",
    "events",
    "rows",
    "requests",
    "retries",
    "seconds",
    "days",
    "partitions",
    "exports",
    "reports",
    "schedules",
    "boolean",
    "deviations",
]

_FAST_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SLOW_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# The thresholds of the scheduler's health, 30 s and 5 min, are among them.
_SCHEDULE_S: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
    *(120.0, 300.0, 900.0, 3600.0),
)
# The bars of the API are among them: 10 ms from the cache, 150 ms and 1.5 s without.
_HTTP_S: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.15,
    0.25,
    0.5,
    1.0,
    1.5,
    2.5,
    5.0,
    10.0,
    30.0,
)
_LATENESS_S: Final = (1.0, 10.0, 60.0, 300.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0, 2_592_000.0)
_BATCH_ROWS: Final = (1.0, 10.0, 100.0, 1_000.0, 5_000.0, 10_000.0, 20_000.0, 50_000.0, 100_000.0)


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric: `name` carries no prefix; `buckets` are upper bounds in `unit`, for histograms only."""

    name: str
    kind: Kind
    unit: Unit
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """The name that Prometheus sees."""
        return PREFIX + self.name


SPECS: Final[tuple[MetricSpec, ...]] = (
    MetricSpec("records_read_total", "counter", "records", "Kafka records read.", ("topic",)),
    MetricSpec("events_accepted_total", "counter", "events", "Records that decoded to an event.", ("topic",)),
    MetricSpec(
        "rejects_total",
        "counter",
        "records",
        "Records that can never be stored, by error class.",
        ("topic", "error"),
    ),
    MetricSpec(
        "dead_letters_published_total",
        "counter",
        "records",
        "Dead letters that the broker acknowledged, by source topic.",
        ("topic",),
    ),
    MetricSpec(
        "dead_letters_left_out_total",
        "counter",
        "records",
        "Dead letters whose value the broker refused as too large: their length and hash were kept.",
        ("topic",),
    ),
    MetricSpec(
        "paused_partitions",
        "gauge",
        "partitions",
        "Partitions that this worker has paused: too many records are bad, or their table takes no rows.",
    ),
    MetricSpec(
        "rows_inserted_total",
        "counter",
        "rows",
        "Rows that ClickHouse acknowledged, redelivered ones too.",
        ("table",),
    ),
    MetricSpec(
        "flush_duration_seconds",
        "histogram",
        "seconds",
        "Time from the start of a flush until its rows are durable, retries included.",
        ("table",),
        _SLOW_S,
    ),
    MetricSpec("flush_rows", "histogram", "rows", "Rows of one flush.", ("table",), _BATCH_ROWS),
    MetricSpec(
        "batch_records", "histogram", "records", "Records of one batch, as read from Kafka.", (), _BATCH_ROWS
    ),
    MetricSpec(
        "batch_durable_seconds",
        "histogram",
        "seconds",
        "Time from reading a record batch until all of it is durable and its offset may be committed.",
        (),
        _SLOW_S,
    ),
    MetricSpec("decode_seconds", "histogram", "seconds", "Time to decode one record batch.", (), _FAST_S),
    MetricSpec(
        "store_retries_total",
        "counter",
        "retries",
        "Calls to ClickHouse that were repeated, by reason.",
        ("reason",),
    ),
    MetricSpec(
        "store_available", "gauge", "boolean", "1 when the last call to ClickHouse was answered, else 0."
    ),
    MetricSpec("broker_available", "gauge", "boolean", "1 while Kafka answers this worker, else 0."),
    MetricSpec("unacked_rows", "gauge", "rows", "Rows read from Kafka that are not durable yet."),
    MetricSpec(
        "consumer_lag_records",
        "gauge",
        "records",
        "Log end offset minus committed offset of a partition that this worker owns.",
        ("topic", "partition"),
    ),
    MetricSpec(
        "last_commit_age_seconds",
        "gauge",
        "seconds",
        "Time since this worker last committed an offset to Kafka.",
    ),
    MetricSpec(
        "watermark_timestamp_seconds",
        "gauge",
        "seconds",
        "Event time, in seconds since the epoch, before which this worker's input is presumed complete.",
        ("topic",),
    ),
    MetricSpec(
        "lateness_seconds",
        "histogram",
        "seconds",
        "How far an event's time lies behind the newest event time that this worker saw of its topic.",
        ("topic",),
        _LATENESS_S,
    ),
    MetricSpec(
        "anomaly_deviations",
        "gauge",
        "deviations",
        "Robust standard deviations of the last minutes of a live series from what is usual then.",
        ("series",),
    ),
    MetricSpec(
        "schedule_executions_total",
        "counter",
        "events",
        "Schedule executions read, by how they ended; one that is read twice counts twice.",
        ("tier", "result"),
    ),
    MetricSpec(
        "schedule_queue_seconds",
        "histogram",
        "seconds",
        "How long schedule executions waited in the queue of their tier, of those that say it.",
        ("tier",),
        _SCHEDULE_S,
    ),
    MetricSpec(
        "schedule_processing_seconds",
        "histogram",
        "seconds",
        "How long processing schedule executions took.",
        ("tier",),
        _SCHEDULE_S,
    ),
    MetricSpec(
        "schedule_drift_seconds",
        "histogram",
        "seconds",
        "How long after they were due schedule executions started; 0 when early.",
        ("tier",),
        _SCHEDULE_S,
    ),
    MetricSpec(
        "schedule_tier_degraded",
        "gauge",
        "boolean",
        "Whether a tier of the scheduler is degraded or critical, as its health of the last hour says; "
        "the same from every worker, looked at every minute that it is scraped.",
        ("tier",),
    ),
    MetricSpec(
        "schedule_tier_critical",
        "gauge",
        "boolean",
        "Whether a tier of the scheduler is critical, as its health of the last hour says.",
        ("tier",),
    ),
    MetricSpec(
        "schedule_stuck_schedules",
        "gauge",
        "schedules",
        "Schedules that were due at regular times and are expected and not seen.",
        ("tier",),
    ),
    MetricSpec(
        "schedule_queue_limit_seconds",
        "gauge",
        "seconds",
        "The setting above which the 95th percentile of queue times makes a tier degraded, or critical.",
        ("status",),
    ),
    MetricSpec(
        "table_rows",
        "gauge",
        "rows",
        "Rows of a ClickHouse table, those that merges will yet collapse too; the same from every worker.",
        ("table",),
    ),
    MetricSpec(
        "table_bytes",
        "gauge",
        "bytes",
        "Size of a ClickHouse table on its disk, compressed; the same from every worker.",
        ("table",),
    ),
    MetricSpec(
        "live_table_keys", "gauge", "keys", "Keys of a live table that this worker holds.", ("table",)
    ),
    MetricSpec(
        "http_request_duration_seconds",
        "histogram",
        "seconds",
        "Time to answer a request; route is the declared path, not the requested one.",
        ("method", "route", "status"),
        _HTTP_S,
    ),
    MetricSpec(
        "preaggregation_duration_seconds",
        "histogram",
        "seconds",
        "Time to recompute the dirty days of one pre-aggregation.",
        ("name",),
        _SLOW_S,
    ),
    MetricSpec("dirty_days", "gauge", "days", "Days that events touched since they were last recomputed."),
    MetricSpec(
        "cache_requests_total",
        "counter",
        "requests",
        "Look-ups in the cache: hit, miss, joined (waited for another caller's computation), unavailable.",
        ("outcome",),
    ),
    MetricSpec(
        "exports_total",
        "counter",
        "exports",
        "Exports that this worker has left, by format and outcome: completed, failed, cancelled, put_off.",
        ("format", "outcome"),
    ),
    MetricSpec(
        "reports_total",
        "counter",
        "reports",
        "Runs of reports that this worker has left, by outcome: completed, failed, put_off.",
        ("outcome",),
    ),
)


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


def _reference_row(spec: MetricSpec) -> str:
    labels = ", ".join(f"`{label}`" for label in spec.labels)
    return f"| `{spec.full_name}` | {spec.kind} | {spec.unit} | {labels} | {spec.help} |"


def reference_page() -> str:
    """docs/metrics-prometheus.md as Markdown; a test keeps the file equal to it."""
    rows = [_reference_row(spec) for spec in SPECS]
    head = [
        "# Prometheus metrics",
        "",
        "Generated by `python -m openride_stream.metrics > docs/metrics-prometheus.md`; edit `SPECS` there.",
        "Every worker answers `GET /metrics` for itself. Beside these it exports the `process_*` metrics of",
        "prometheus-client (CPU seconds, resident bytes, open files).",
        "",
        "| metric | kind | unit | labels | meaning |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows, ""])


if __name__ == "__main__":
    print(reference_page(), end="")
