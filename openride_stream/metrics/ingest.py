"""Metrics of the way from Kafka to the tables."""

from typing import Final

from openride_stream.metrics.spec import SLOW_S, MetricSpec

_FAST_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_LATENESS_S: Final = (1.0, 10.0, 60.0, 300.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0, 2_592_000.0)
_BATCH_ROWS: Final = (1.0, 10.0, 100.0, 1_000.0, 5_000.0, 10_000.0, 20_000.0, 50_000.0, 100_000.0)

INGEST: Final[tuple[MetricSpec, ...]] = (
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
        SLOW_S,
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
        SLOW_S,
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
)
