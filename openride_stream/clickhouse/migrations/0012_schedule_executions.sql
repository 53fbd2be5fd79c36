-- Schedule executions to be read: a row an execution, and a row an update of one, each without what no answer
-- shows. `carried` says which of the fields that an update may change the record itself carries
-- (openride_stream/events/schedules.py); rows of before do not say it, and what they hold counts as carried.
ALTER TABLE ${database}.schedule_analytics ${on_cluster}
    ADD COLUMN IF NOT EXISTS carried UInt32 DEFAULT 0 CODEC(ZSTD(1)) AFTER source_redis_key;

-- Pages look single rows up, of which most stand in hours of their own: hence the small granules.
--
-- Of several contents of one analytics_id that started in the same hour the one that counts is kept, of the same
-- content sent again the one that was written first: its timestamp stands for times that were not sent, and
-- orders it among the updates. Contents of different hours are told apart by superseded_events.
CREATE TABLE ${database}.schedule_executions ${on_cluster}
(
    analytics_id UUID,
    schedule_type LowCardinality(String),
    schedule_id String CODEC(ZSTD(1)),
    event_type LowCardinality(String),
    event_action LowCardinality(String),
    correlation_id String CODEC(ZSTD(1)),
    scheduled_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    started_processing_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    execution_result LowCardinality(String),
    level LowCardinality(String),
    completed_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    total_processing_time_ms Nullable(UInt64) CODEC(ZSTD(1)),
    schedule_name String CODEC(ZSTD(1)),
    event_entity_id String CODEC(ZSTD(1)),
    retry_count Nullable(UInt32) CODEC(ZSTD(1)),
    error_message String CODEC(ZSTD(3)),
    time_in_mongo_queue_ms Nullable(UInt64) CODEC(ZSTD(1)),
    time_in_clickhouse_queue_ms Nullable(UInt64) CODEC(ZSTD(1)),
    time_in_redis_queue_ms Nullable(UInt64) CODEC(ZSTD(1)),
    kafka_publish_time_ms Nullable(UInt64) CODEC(ZSTD(1)),
    processed_by_node LowCardinality(String),
    kafka_topic LowCardinality(String),
    kafka_partition Nullable(Int64) CODEC(ZSTD(1)),
    kafka_offset Nullable(Int64) CODEC(ZSTD(1)),
    source_mongo_execution_id String CODEC(ZSTD(1)),
    source_clickhouse_id String CODEC(ZSTD(1)),
    source_redis_key String CODEC(ZSTD(1)),
    carried UInt32 CODEC(ZSTD(1)),
    record_timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    precedence UInt64 CODEC(NONE),
    version UInt128 CODEC(NONE),
    INDEX by_schedule schedule_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_id analytics_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_type event_type TYPE set(100) GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(started_processing_at)
ORDER BY (toStartOfHour(started_processing_at), analytics_id)
SETTINGS index_granularity = 1024;

CREATE TABLE ${database}.schedule_updates ${on_cluster}
(
    analytics_id UUID,
    event_id UUID,
    event_timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    execution_result LowCardinality(String),
    level LowCardinality(String),
    completed_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    total_processing_time_ms Nullable(UInt64) CODEC(ZSTD(1)),
    schedule_name String CODEC(ZSTD(1)),
    event_entity_id String CODEC(ZSTD(1)),
    retry_count Nullable(UInt32) CODEC(ZSTD(1)),
    error_message String CODEC(ZSTD(3)),
    time_in_mongo_queue_ms Nullable(UInt64) CODEC(ZSTD(1)),
    time_in_clickhouse_queue_ms Nullable(UInt64) CODEC(ZSTD(1)),
    time_in_redis_queue_ms Nullable(UInt64) CODEC(ZSTD(1)),
    kafka_publish_time_ms Nullable(UInt64) CODEC(ZSTD(1)),
    processed_by_node LowCardinality(String),
    kafka_topic LowCardinality(String),
    kafka_partition Nullable(Int64) CODEC(ZSTD(1)),
    kafka_offset Nullable(Int64) CODEC(ZSTD(1)),
    source_mongo_execution_id String CODEC(ZSTD(1)),
    source_clickhouse_id String CODEC(ZSTD(1)),
    source_redis_key String CODEC(ZSTD(1)),
    carried UInt32 CODEC(ZSTD(1)),
    record_timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    precedence UInt64,
    version UInt128
)
ENGINE = ${replicated}ReplacingMergeTree(version)
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (analytics_id, event_id);

-- Who deleted what of the above, and when. `began` stands before anything goes, `done` after all is gone.
CREATE TABLE ${database}.schedule_cleanups ${on_cluster}
(
    cleaned_at DateTime64(3, 'UTC'),
    before DateTime64(3, 'UTC'),
    who String,
    step LowCardinality(String),
    executions UInt64,
    months_dropped Array(String)
)
ENGINE = ${replicated}MergeTree
ORDER BY cleaned_at;

CREATE MATERIALIZED VIEW ${database}.schedule_analytics_executions ${on_cluster}
TO ${database}.schedule_executions AS
SELECT
    analytics_id, schedule_type, schedule_id, event_type, event_action, correlation_id,
    ifNull(scheduled_at, event_timestamp) AS scheduled_at, event_timestamp AS started_processing_at,
    execution_result, level, completed_at, total_processing_time_ms, schedule_name, event_entity_id,
    retry_count, error_message, time_in_mongo_queue_ms, time_in_clickhouse_queue_ms,
    time_in_redis_queue_ms, kafka_publish_time_ms, processed_by_node, kafka_topic, kafka_partition,
    kafka_offset, source_mongo_execution_id, source_clickhouse_id, source_redis_key,
    if(s.carried != 0, s.carried,
          bitShiftLeft(toUInt32(execution_result != ''), 0)
        + bitShiftLeft(toUInt32(level != ''), 1)
        + bitShiftLeft(toUInt32(completed_at IS NOT NULL), 2)
        + bitShiftLeft(toUInt32(total_processing_time_ms IS NOT NULL), 3)
        + bitShiftLeft(toUInt32(schedule_name != ''), 4)
        + bitShiftLeft(toUInt32(event_entity_id != ''), 5)
        + bitShiftLeft(toUInt32(retry_count IS NOT NULL), 6)
        + bitShiftLeft(toUInt32(error_message != ''), 7)
        + bitShiftLeft(toUInt32(time_in_mongo_queue_ms IS NOT NULL), 8)
        + bitShiftLeft(toUInt32(time_in_clickhouse_queue_ms IS NOT NULL), 9)
        + bitShiftLeft(toUInt32(time_in_redis_queue_ms IS NOT NULL), 10)
        + bitShiftLeft(toUInt32(kafka_publish_time_ms IS NOT NULL), 11)
        + bitShiftLeft(toUInt32(processed_by_node != ''), 12)
        + bitShiftLeft(toUInt32(kafka_topic != ''), 13)
        + bitShiftLeft(toUInt32(kafka_partition IS NOT NULL), 14)
        + bitShiftLeft(toUInt32(kafka_offset IS NOT NULL), 15)
        + bitShiftLeft(toUInt32(source_mongo_execution_id != ''), 16)
        + bitShiftLeft(toUInt32(source_clickhouse_id != ''), 17)
        + bitShiftLeft(toUInt32(source_redis_key != ''), 18)) AS carried,
    record_timestamp, precedence,
    bitShiftLeft(toUInt128(precedence), 64) + (9223372036854775807 - toUnixTimestamp64Milli(record_timestamp)) AS version
FROM ${database}.schedule_analytics AS s WHERE NOT is_update;

CREATE MATERIALIZED VIEW ${database}.schedule_analytics_updates ${on_cluster}
TO ${database}.schedule_updates AS
SELECT
    analytics_id, event_id, event_timestamp,
    execution_result, level, completed_at, total_processing_time_ms, schedule_name, event_entity_id,
    retry_count, error_message, time_in_mongo_queue_ms, time_in_clickhouse_queue_ms,
    time_in_redis_queue_ms, kafka_publish_time_ms, processed_by_node, kafka_topic, kafka_partition,
    kafka_offset, source_mongo_execution_id, source_clickhouse_id, source_redis_key,
    if(s.carried != 0, s.carried,
          bitShiftLeft(toUInt32(execution_result != ''), 0)
        + bitShiftLeft(toUInt32(level != ''), 1)
        + bitShiftLeft(toUInt32(completed_at IS NOT NULL), 2)
        + bitShiftLeft(toUInt32(total_processing_time_ms IS NOT NULL), 3)
        + bitShiftLeft(toUInt32(schedule_name != ''), 4)
        + bitShiftLeft(toUInt32(event_entity_id != ''), 5)
        + bitShiftLeft(toUInt32(retry_count IS NOT NULL), 6)
        + bitShiftLeft(toUInt32(error_message != ''), 7)
        + bitShiftLeft(toUInt32(time_in_mongo_queue_ms IS NOT NULL), 8)
        + bitShiftLeft(toUInt32(time_in_clickhouse_queue_ms IS NOT NULL), 9)
        + bitShiftLeft(toUInt32(time_in_redis_queue_ms IS NOT NULL), 10)
        + bitShiftLeft(toUInt32(kafka_publish_time_ms IS NOT NULL), 11)
        + bitShiftLeft(toUInt32(processed_by_node != ''), 12)
        + bitShiftLeft(toUInt32(kafka_topic != ''), 13)
        + bitShiftLeft(toUInt32(kafka_partition IS NOT NULL), 14)
        + bitShiftLeft(toUInt32(kafka_offset IS NOT NULL), 15)
        + bitShiftLeft(toUInt32(source_mongo_execution_id != ''), 16)
        + bitShiftLeft(toUInt32(source_clickhouse_id != ''), 17)
        + bitShiftLeft(toUInt32(source_redis_key != ''), 18)) AS carried,
    record_timestamp, precedence,
    bitShiftLeft(toUInt128(precedence), 64) + (9223372036854775807 - toUnixTimestamp64Milli(record_timestamp)) AS version
FROM ${database}.schedule_analytics AS s WHERE is_update;

CREATE MATERIALIZED VIEW ${database}.schedule_analytics_identities ${on_cluster}
TO ${database}.event_identities AS
SELECT event_id, precedence, 'schedule_analytics' AS source, event_timestamp FROM ${database}.schedule_analytics;

-- What was stored before, after the views are there: a row that comes in between is there twice, and is one.
INSERT INTO ${database}.schedule_executions
(analytics_id, schedule_type, schedule_id, event_type, event_action, correlation_id,
    scheduled_at, started_processing_at,
    execution_result, level, completed_at, total_processing_time_ms, schedule_name, event_entity_id,
    retry_count, error_message, time_in_mongo_queue_ms, time_in_clickhouse_queue_ms,
    time_in_redis_queue_ms, kafka_publish_time_ms, processed_by_node, kafka_topic, kafka_partition,
    kafka_offset, source_mongo_execution_id, source_clickhouse_id, source_redis_key,
    carried, record_timestamp, precedence, version)
SELECT
    analytics_id, schedule_type, schedule_id, event_type, event_action, correlation_id,
    ifNull(scheduled_at, event_timestamp) AS scheduled_at, event_timestamp AS started_processing_at,
    execution_result, level, completed_at, total_processing_time_ms, schedule_name, event_entity_id,
    retry_count, error_message, time_in_mongo_queue_ms, time_in_clickhouse_queue_ms,
    time_in_redis_queue_ms, kafka_publish_time_ms, processed_by_node, kafka_topic, kafka_partition,
    kafka_offset, source_mongo_execution_id, source_clickhouse_id, source_redis_key,
    if(s.carried != 0, s.carried,
          bitShiftLeft(toUInt32(execution_result != ''), 0)
        + bitShiftLeft(toUInt32(level != ''), 1)
        + bitShiftLeft(toUInt32(completed_at IS NOT NULL), 2)
        + bitShiftLeft(toUInt32(total_processing_time_ms IS NOT NULL), 3)
        + bitShiftLeft(toUInt32(schedule_name != ''), 4)
        + bitShiftLeft(toUInt32(event_entity_id != ''), 5)
        + bitShiftLeft(toUInt32(retry_count IS NOT NULL), 6)
        + bitShiftLeft(toUInt32(error_message != ''), 7)
        + bitShiftLeft(toUInt32(time_in_mongo_queue_ms IS NOT NULL), 8)
        + bitShiftLeft(toUInt32(time_in_clickhouse_queue_ms IS NOT NULL), 9)
        + bitShiftLeft(toUInt32(time_in_redis_queue_ms IS NOT NULL), 10)
        + bitShiftLeft(toUInt32(kafka_publish_time_ms IS NOT NULL), 11)
        + bitShiftLeft(toUInt32(processed_by_node != ''), 12)
        + bitShiftLeft(toUInt32(kafka_topic != ''), 13)
        + bitShiftLeft(toUInt32(kafka_partition IS NOT NULL), 14)
        + bitShiftLeft(toUInt32(kafka_offset IS NOT NULL), 15)
        + bitShiftLeft(toUInt32(source_mongo_execution_id != ''), 16)
        + bitShiftLeft(toUInt32(source_clickhouse_id != ''), 17)
        + bitShiftLeft(toUInt32(source_redis_key != ''), 18)) AS carried,
    record_timestamp, precedence,
    bitShiftLeft(toUInt128(precedence), 64) + (9223372036854775807 - toUnixTimestamp64Milli(record_timestamp)) AS version
FROM ${database}.schedule_analytics AS s WHERE NOT is_update;

INSERT INTO ${database}.schedule_updates
(analytics_id, event_id, event_timestamp,
    execution_result, level, completed_at, total_processing_time_ms, schedule_name, event_entity_id,
    retry_count, error_message, time_in_mongo_queue_ms, time_in_clickhouse_queue_ms,
    time_in_redis_queue_ms, kafka_publish_time_ms, processed_by_node, kafka_topic, kafka_partition,
    kafka_offset, source_mongo_execution_id, source_clickhouse_id, source_redis_key,
    carried, record_timestamp, precedence, version)
SELECT
    analytics_id, event_id, event_timestamp,
    execution_result, level, completed_at, total_processing_time_ms, schedule_name, event_entity_id,
    retry_count, error_message, time_in_mongo_queue_ms, time_in_clickhouse_queue_ms,
    time_in_redis_queue_ms, kafka_publish_time_ms, processed_by_node, kafka_topic, kafka_partition,
    kafka_offset, source_mongo_execution_id, source_clickhouse_id, source_redis_key,
    if(s.carried != 0, s.carried,
          bitShiftLeft(toUInt32(execution_result != ''), 0)
        + bitShiftLeft(toUInt32(level != ''), 1)
        + bitShiftLeft(toUInt32(completed_at IS NOT NULL), 2)
        + bitShiftLeft(toUInt32(total_processing_time_ms IS NOT NULL), 3)
        + bitShiftLeft(toUInt32(schedule_name != ''), 4)
        + bitShiftLeft(toUInt32(event_entity_id != ''), 5)
        + bitShiftLeft(toUInt32(retry_count IS NOT NULL), 6)
        + bitShiftLeft(toUInt32(error_message != ''), 7)
        + bitShiftLeft(toUInt32(time_in_mongo_queue_ms IS NOT NULL), 8)
        + bitShiftLeft(toUInt32(time_in_clickhouse_queue_ms IS NOT NULL), 9)
        + bitShiftLeft(toUInt32(time_in_redis_queue_ms IS NOT NULL), 10)
        + bitShiftLeft(toUInt32(kafka_publish_time_ms IS NOT NULL), 11)
        + bitShiftLeft(toUInt32(processed_by_node != ''), 12)
        + bitShiftLeft(toUInt32(kafka_topic != ''), 13)
        + bitShiftLeft(toUInt32(kafka_partition IS NOT NULL), 14)
        + bitShiftLeft(toUInt32(kafka_offset IS NOT NULL), 15)
        + bitShiftLeft(toUInt32(source_mongo_execution_id != ''), 16)
        + bitShiftLeft(toUInt32(source_clickhouse_id != ''), 17)
        + bitShiftLeft(toUInt32(source_redis_key != ''), 18)) AS carried,
    record_timestamp, precedence,
    bitShiftLeft(toUInt128(precedence), 64) + (9223372036854775807 - toUnixTimestamp64Milli(record_timestamp)) AS version
FROM ${database}.schedule_analytics AS s WHERE is_update;

INSERT INTO ${database}.event_identities (event_id, precedence, source, event_timestamp)
SELECT event_id, precedence, 'schedule_analytics', event_timestamp FROM ${database}.schedule_analytics;
