-- Dead letters for analysis, a row each: their masked fields, never their bytes. Where the record first stood,
-- the attempt and the hash name one failure of one record; redelivery writes the same row again. The record's
-- timestamp is its producer's word, any number at all, so it is no DateTime and no partition key.
CREATE TABLE ${database}.dead_letters ${on_cluster}
(
    topic LowCardinality(String),
    partition UInt64 CODEC(ZSTD(1)),
    offset UInt64 CODEC(Delta, ZSTD(1)),
    timestamp_ms UInt64 CODEC(Delta, ZSTD(1)),
    attempts UInt32 CODEC(ZSTD(1)),
    value_sha256 FixedString(64),
    dlq_partition UInt32 CODEC(ZSTD(1)),
    dlq_offset UInt64 CODEC(Delta, ZSTD(1)),
    dead_lettered_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    first_seen DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    error LowCardinality(String),
    message String CODEC(ZSTD(3)),
    worker LowCardinality(String),
    event_type String CODEC(ZSTD(1)),
    value_bytes UInt64 CODEC(ZSTD(1)),
    fields String CODEC(ZSTD(3)),
    ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (topic, partition, offset, timestamp_ms, attempts, value_sha256)
TTL toDateTime(dead_lettered_at) + INTERVAL 90 DAY;

-- Which failures have been sent through the front door again: `openride dlq redrive` asks before it sends.
CREATE TABLE ${database}.dead_letter_redrives ${on_cluster}
(
    topic LowCardinality(String),
    partition UInt64 CODEC(ZSTD(1)),
    offset UInt64 CODEC(Delta, ZSTD(1)),
    timestamp_ms UInt64 CODEC(Delta, ZSTD(1)),
    attempts UInt32 CODEC(ZSTD(1)),
    value_sha256 FixedString(64),
    redriven_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (topic, partition, offset, timestamp_ms, attempts, value_sha256)
TTL toDateTime(redriven_at) + INTERVAL 180 DAY;
