-- Which contents each event_id has been seen with. Fed by views, so at least once: an insert whose view
-- failed is not acknowledged and comes again. Duplicates collapse.
CREATE TABLE ${database}.event_identities ${on_cluster}
(
    event_id UUID,
    precedence UInt64,
    source LowCardinality(String),
    event_timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    inserted_at DateTime DEFAULT now() CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(inserted_at)
ORDER BY (event_id, precedence)
TTL inserted_at + INTERVAL 400 DAY;

CREATE MATERIALIZED VIEW ${database}.user_events_identities ${on_cluster}
TO ${database}.event_identities AS
SELECT event_id, precedence, 'user_events' AS source, event_timestamp FROM ${database}.user_events;

CREATE MATERIALIZED VIEW ${database}.booking_events_identities ${on_cluster}
TO ${database}.event_identities AS
SELECT event_id, precedence, 'booking_events' AS source, event_timestamp FROM ${database}.booking_events;

CREATE MATERIALIZED VIEW ${database}.payment_events_identities ${on_cluster}
TO ${database}.event_identities AS
SELECT event_id, precedence, 'payment_events' AS source, event_timestamp FROM ${database}.payment_events;

CREATE MATERIALIZED VIEW ${database}.trip_events_identities ${on_cluster}
TO ${database}.event_identities AS
SELECT event_id, precedence, 'trip_events' AS source, event_timestamp FROM ${database}.trip_events;

CREATE MATERIALIZED VIEW ${database}.route_events_identities ${on_cluster}
TO ${database}.event_identities AS
SELECT event_id, precedence, 'route_events' AS source, event_timestamp FROM ${database}.route_events;

CREATE MATERIALIZED VIEW ${database}.location_events_identities ${on_cluster}
TO ${database}.event_identities AS
SELECT event_id, precedence, 'location_events' AS source, event_timestamp FROM ${database}.location_events;

-- Contents that lost to another content of the same event_id: no figure counts them.
CREATE TABLE ${database}.superseded_events ${on_cluster}
(
    event_id UUID,
    precedence UInt64,
    source LowCardinality(String),
    event_timestamp DateTime64(3, 'UTC'),
    found_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (event_id, precedence);
