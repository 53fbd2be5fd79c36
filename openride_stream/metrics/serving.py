"""Metrics of live tables, schedules, pre-aggregations and whatever is served."""

from typing import Final

from openride_stream.metrics.spec import SLOW_S, MetricSpec

# The thresholds of the scheduler's health, 30 s and 5 min, are among them.
_SCHEDULE_S: Final = (*SLOW_S, 120.0, 300.0, 900.0, 3600.0)
# The bars of the API are among them: 10 ms from the cache, 150 ms and 1.5 s without.
_HTTP_S: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15),
    *(0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0),
)

SERVING: Final[tuple[MetricSpec, ...]] = (
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
        "store_disk_free_bytes",
        "gauge",
        "bytes",
        "What a disk of ClickHouse has left; of the replica that the worker asks.",
        ("disk",),
    ),
    MetricSpec(
        "store_disk_total_bytes",
        "gauge",
        "bytes",
        "How large a disk of ClickHouse is; of the replica that the worker asks.",
        ("disk",),
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
        SLOW_S,
    ),
    MetricSpec(
        "dirty_days",
        "gauge",
        "days",
        "Days that events touched since they were last recomputed, as this worker last saw: a round counts "
        "them when it begins, and those that came up meanwhile when it ends.",
    ),
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
