-- Executions of an hour as their updates left them, made by rounds for the hours that are over: a row a distinct
-- execution of the hour in which it started, a generation a build. Of a day the errors lie together, and what a
-- schedule did. What questions read of all of it is not packed as tightly as it could be.
CREATE TABLE ${database}.schedule_hours ${on_cluster}
(
    hour DateTime('UTC') CODEC(LZ4),
    analytics_id UUID,
    schedule_type LowCardinality(String),
    schedule_id String CODEC(LZ4),
    schedule_name String CODEC(ZSTD(1)),
    event_type LowCardinality(String),
    correlation_id String CODEC(LZ4),
    scheduled_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    started_processing_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    completed_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    execution_result LowCardinality(String),
    level LowCardinality(String),
    retry_count UInt32 CODEC(LZ4),
    -- Time in the queue of the tier itself (ms).
    waited Nullable(UInt64) CODEC(LZ4),
    total_processing_time_ms UInt64 CODEC(LZ4),
    processed_by_node LowCardinality(String),
    error_message String CODEC(ZSTD(1)),
    -- The message of an error without its variable parts.
    pattern String CODEC(ZSTD(1)),
    generation UInt64 CODEC(LZ4)
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (toDate(hour), level, schedule_id, hour)
SETTINGS index_granularity = 512;

-- How often an hour was touched: by an execution that started in it, or by an update that was written in it.
CREATE TABLE ${database}.schedule_marks ${on_cluster}
(
    hour DateTime('UTC'),
    marks UInt64
)
ENGINE = ${replicated}SummingMergeTree(marks)
ORDER BY hour;

-- Which generation of an hour is current, and how many marks it had seen when it was begun.
CREATE TABLE ${database}.schedule_builds ${on_cluster}
(
    hour DateTime('UTC'),
    marks_seen UInt64,
    generation UInt64,
    built_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (hour, marks_seen, generation);

-- Updates that were written in hours which are not over, and are in all builds that they change.
CREATE TABLE ${database}.schedule_routed ${on_cluster}
(
    event_id UUID,
    precedence UInt64,
    routed_at DateTime DEFAULT now()
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (event_id, precedence)
TTL routed_at + INTERVAL 7 DAY;

-- What was stored before, whoever stored it.
INSERT INTO ${database}.schedule_marks (hour, marks)
SELECT DISTINCT toStartOfHour(event_timestamp), 1 FROM ${database}.schedule_analytics;

-- A page looks a hundred rows up that lie apart: what is decompressed for each is to be no more than its granule.
ALTER TABLE ${database}.schedule_executions ${on_cluster} MODIFY SETTING min_compress_block_size = 8192;
