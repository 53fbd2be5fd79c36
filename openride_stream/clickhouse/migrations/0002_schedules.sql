-- Executions of the three-tier scheduler, a row a record. A partial update ("update": true) is a row of
-- its own (is_update); readers take, field by field, the newest record_timestamp that carries it.
CREATE TABLE ${database}.schedule_analytics ${on_cluster}
(
    analytics_id UUID,
    event_id UUID,
    is_update Bool DEFAULT false,
    record_timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    event_timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    schedule_type LowCardinality(String),
    schedule_id String DEFAULT '',
    schedule_name String DEFAULT '',
    level LowCardinality(String) DEFAULT '',
    event_type LowCardinality(String) DEFAULT '',
    event_action LowCardinality(String) DEFAULT '',
    event_entity_id String DEFAULT '',
    correlation_id String DEFAULT '',
    scheduled_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    started_processing_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    completed_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    execution_result LowCardinality(String) DEFAULT '',
    retry_count Nullable(UInt32),
    error_message String DEFAULT '' CODEC(ZSTD(3)),
    time_in_mongo_queue_ms Nullable(UInt64),
    time_in_clickhouse_queue_ms Nullable(UInt64),
    time_in_redis_queue_ms Nullable(UInt64),
    total_processing_time_ms Nullable(UInt64),
    kafka_publish_time_ms Nullable(UInt64),
    processed_by_node LowCardinality(String) DEFAULT '',
    kafka_topic LowCardinality(String) DEFAULT '',
    kafka_partition Nullable(Int64),
    kafka_offset Nullable(Int64),
    source_mongo_execution_id String DEFAULT '',
    source_clickhouse_id String DEFAULT '',
    source_redis_key String DEFAULT '',
    schema_version UInt32 DEFAULT 1,
    city LowCardinality(String) DEFAULT '',
    state LowCardinality(String) DEFAULT '',
    payload String CODEC(ZSTD(3)),
    precedence UInt64 DEFAULT bitNot(reinterpretAsUInt64(reverse(substring(SHA256(payload), 1, 8)))),
    topic LowCardinality(String),
    partition UInt32 CODEC(ZSTD(1)),
    offset UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (schedule_type, toStartOfHour(event_timestamp), analytics_id, is_update, event_id, precedence);
