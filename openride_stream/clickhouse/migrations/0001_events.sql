-- The six domain tables: one typed row for each distinct event, with its payload beside it.
--
-- A redelivered event is the same row under the same sort key and collapses (at merge, or at once with
-- FINAL). `precedence` is higher for the content that counts: the bitwise complement of the first eight
-- bytes of the SHA-256 of the record's value. Two contents of one event_id keep two rows; the loser is
-- named in superseded_events and skipped by every reader.
--
-- The sort key starts with what queries filter by: the type and the hour.

CREATE TABLE ${database}.user_events ${on_cluster}
(
    event_id UUID,
    event_type LowCardinality(String),
    event_timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    schema_version UInt32 DEFAULT 1 CODEC(ZSTD(1)),
    city LowCardinality(String) DEFAULT '',
    state LowCardinality(String) DEFAULT '',
    user_id UUID,
    phone String DEFAULT '',
    role LowCardinality(String) DEFAULT '',
    full_name String DEFAULT '',
    email String DEFAULT '',
    referral_code String DEFAULT '',
    kyc_status LowCardinality(String) DEFAULT '',
    verification_notes String DEFAULT '',
    verified_by String DEFAULT '',
    previous_role LowCardinality(String) DEFAULT '',
    new_role LowCardinality(String) DEFAULT '',
    activity_type LowCardinality(String) DEFAULT '',
    device_info String DEFAULT '' CODEC(ZSTD(1)),
    ip_address String DEFAULT '',
    location String DEFAULT '' CODEC(ZSTD(1)),
    payload String CODEC(ZSTD(3)),
    precedence UInt64 DEFAULT bitNot(reinterpretAsUInt64(reverse(substring(SHA256(payload), 1, 8)))),
    topic LowCardinality(String),
    partition UInt32 CODEC(ZSTD(1)),
    offset UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, toStartOfHour(event_timestamp), event_id, precedence)
SETTINGS index_granularity = 8192;

CREATE TABLE ${database}.booking_events ${on_cluster}
(
    event_id UUID,
    event_type LowCardinality(String),
    event_timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    schema_version UInt32 DEFAULT 1 CODEC(ZSTD(1)),
    city LowCardinality(String) DEFAULT '',
    state LowCardinality(String) DEFAULT '',
    booking_id UUID,
    rider_id UUID,
    driver_id UUID,
    route_id UUID,
    seats_booked UInt8 DEFAULT 0,
    total_price Decimal(18, 2) DEFAULT 0,
    currency LowCardinality(String) DEFAULT '',
    booking_status LowCardinality(String) DEFAULT '',
    pickup_stop_id Nullable(UUID),
    dropoff_stop_id Nullable(UUID),
    pickup_lat Nullable(Float64),
    pickup_lon Nullable(Float64),
    dropoff_lat Nullable(Float64),
    dropoff_lon Nullable(Float64),
    scheduled_departure Nullable(DateTime64(3, 'UTC')),
    payment_id Nullable(UUID),
    confirmation_code String DEFAULT '',
    cancelled_by LowCardinality(String) DEFAULT '',
    cancellation_reason String DEFAULT '',
    refund_initiated Bool DEFAULT false,
    trip_id Nullable(UUID),
    actual_departure Nullable(DateTime64(3, 'UTC')),
    actual_arrival Nullable(DateTime64(3, 'UTC')),
    duration_minutes Nullable(Float64),
    payload String CODEC(ZSTD(3)),
    precedence UInt64 DEFAULT bitNot(reinterpretAsUInt64(reverse(substring(SHA256(payload), 1, 8)))),
    topic LowCardinality(String),
    partition UInt32 CODEC(ZSTD(1)),
    offset UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, toStartOfHour(event_timestamp), event_id, precedence)
SETTINGS index_granularity = 8192;

CREATE TABLE ${database}.payment_events ${on_cluster}
(
    event_id UUID,
    event_type LowCardinality(String),
    event_timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    schema_version UInt32 DEFAULT 1 CODEC(ZSTD(1)),
    city LowCardinality(String) DEFAULT '',
    state LowCardinality(String) DEFAULT '',
    payment_id UUID,
    booking_id UUID,
    rider_id UUID,
    amount Decimal(18, 2) DEFAULT 0,
    currency LowCardinality(String) DEFAULT '',
    payment_method LowCardinality(String) DEFAULT '',
    provider LowCardinality(String) DEFAULT '',
    provider_transaction_id String DEFAULT '',
    processing_time_ms Nullable(UInt32),
    card_last4 String DEFAULT '',
    error_code LowCardinality(String) DEFAULT '',
    error_message String DEFAULT '',
    refund_amount Decimal(18, 2) DEFAULT 0,
    original_amount Decimal(18, 2) DEFAULT 0,
    refund_reason String DEFAULT '',
    refunded_by String DEFAULT '',
    provider_refund_id String DEFAULT '',
    payload String CODEC(ZSTD(3)),
    precedence UInt64 DEFAULT bitNot(reinterpretAsUInt64(reverse(substring(SHA256(payload), 1, 8)))),
    topic LowCardinality(String),
    partition UInt32 CODEC(ZSTD(1)),
    offset UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, toStartOfHour(event_timestamp), event_id, precedence)
SETTINGS index_granularity = 8192;

CREATE TABLE ${database}.trip_events ${on_cluster}
(
    event_id UUID,
    event_type LowCardinality(String),
    event_timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    schema_version UInt32 DEFAULT 1 CODEC(ZSTD(1)),
    city LowCardinality(String) DEFAULT '',
    state LowCardinality(String) DEFAULT '',
    trip_id UUID,
    booking_id UUID,
    driver_id UUID,
    rider_id UUID,
    route_id UUID,
    scheduled_departure Nullable(DateTime64(3, 'UTC')),
    actual_departure Nullable(DateTime64(3, 'UTC')),
    actual_arrival Nullable(DateTime64(3, 'UTC')),
    start_lat Nullable(Float64),
    start_lon Nullable(Float64),
    end_lat Nullable(Float64),
    end_lon Nullable(Float64),
    passengers_count UInt8 DEFAULT 0,
    duration_minutes Nullable(Float64),
    distance_km Nullable(Float64),
    driver_earnings Decimal(18, 2) DEFAULT 0,
    platform_commission Decimal(18, 2) DEFAULT 0,
    currency LowCardinality(String) DEFAULT '',
    on_time Nullable(Bool),
    cancellation_reason String DEFAULT '',
    cancelled_by LowCardinality(String) DEFAULT '',
    was_started Bool DEFAULT false,
    partial_distance_km Nullable(Float64),
    payload String CODEC(ZSTD(3)),
    precedence UInt64 DEFAULT bitNot(reinterpretAsUInt64(reverse(substring(SHA256(payload), 1, 8)))),
    topic LowCardinality(String),
    partition UInt32 CODEC(ZSTD(1)),
    offset UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, toStartOfHour(event_timestamp), event_id, precedence)
SETTINGS index_granularity = 8192;

CREATE TABLE ${database}.route_events ${on_cluster}
(
    event_id UUID,
    event_type LowCardinality(String),
    event_timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    schema_version UInt32 DEFAULT 1 CODEC(ZSTD(1)),
    city LowCardinality(String) DEFAULT '',
    state LowCardinality(String) DEFAULT '',
    route_id UUID,
    driver_id UUID,
    route_name String,
    origin_city LowCardinality(String) DEFAULT '',
    destination_city LowCardinality(String) DEFAULT '',
    origin_state LowCardinality(String) DEFAULT '',
    destination_state LowCardinality(String) DEFAULT '',
    stops_count UInt32 DEFAULT 0,
    seats_total UInt8 DEFAULT 0,
    base_price Decimal(18, 2) DEFAULT 0,
    currency LowCardinality(String) DEFAULT '',
    departure_time String DEFAULT '',
    active_days Array(LowCardinality(String)),
    previous_status LowCardinality(String) DEFAULT '',
    new_status LowCardinality(String) DEFAULT '',
    cancellation_reason String DEFAULT '',
    active_bookings_count UInt32 DEFAULT 0,
    updated_fields Array(String),
    payload String CODEC(ZSTD(3)),
    precedence UInt64 DEFAULT bitNot(reinterpretAsUInt64(reverse(substring(SHA256(payload), 1, 8)))),
    topic LowCardinality(String),
    partition UInt32 CODEC(ZSTD(1)),
    offset UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, toStartOfHour(event_timestamp), event_id, precedence)
SETTINGS index_granularity = 8192;

CREATE TABLE ${database}.location_events ${on_cluster}
(
    event_id UUID,
    event_type LowCardinality(String),
    event_timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    schema_version UInt32 DEFAULT 1 CODEC(ZSTD(1)),
    city LowCardinality(String) DEFAULT '',
    state LowCardinality(String) DEFAULT '',
    driver_id UUID,
    trip_id Nullable(UUID),
    lat Float64 CODEC(ZSTD(1)),
    lon Float64 CODEC(ZSTD(1)),
    speed_kmh Nullable(Float64) CODEC(ZSTD(1)),
    bearing Nullable(Float64) CODEC(ZSTD(1)),
    accuracy_meters Nullable(Float64) CODEC(ZSTD(1)),
    payload String CODEC(ZSTD(3)),
    precedence UInt64 DEFAULT bitNot(reinterpretAsUInt64(reverse(substring(SHA256(payload), 1, 8)))),
    topic LowCardinality(String),
    partition UInt32 CODEC(ZSTD(1)),
    offset UInt64 CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(event_timestamp)
ORDER BY (event_type, toStartOfHour(event_timestamp), event_id, precedence)
SETTINGS index_granularity = 8192;

-- Every event of the platform in one place, for exploration; figures never read it.
CREATE VIEW ${database}.events_raw ${on_cluster} AS
SELECT event_id, event_type, event_timestamp, city, state, payload, precedence, topic, partition, offset, ingested_at
FROM ${database}.user_events WHERE event_timestamp >= now() - toIntervalDay(90)
UNION ALL
SELECT event_id, event_type, event_timestamp, city, state, payload, precedence, topic, partition, offset, ingested_at
FROM ${database}.booking_events WHERE event_timestamp >= now() - toIntervalDay(90)
UNION ALL
SELECT event_id, event_type, event_timestamp, city, state, payload, precedence, topic, partition, offset, ingested_at
FROM ${database}.payment_events WHERE event_timestamp >= now() - toIntervalDay(90)
UNION ALL
SELECT event_id, event_type, event_timestamp, city, state, payload, precedence, topic, partition, offset, ingested_at
FROM ${database}.trip_events WHERE event_timestamp >= now() - toIntervalDay(90)
UNION ALL
SELECT event_id, event_type, event_timestamp, city, state, payload, precedence, topic, partition, offset, ingested_at
FROM ${database}.route_events WHERE event_timestamp >= now() - toIntervalDay(90)
UNION ALL
SELECT event_id, event_type, event_timestamp, city, state, payload, precedence, topic, partition, offset, ingested_at
FROM ${database}.location_events WHERE event_timestamp >= now() - toIntervalDay(90);
