-- What figures need to know of users, routes and bookings. These do not expire.
-- Each row is one event's statement; readers take the earliest by (event_timestamp, event_id).
CREATE TABLE ${database}.user_facts ${on_cluster}
(
    kind Enum8('registered' = 1, 'verified' = 2, 'upgraded' = 3),
    user_id UUID,
    event_timestamp DateTime64(3, 'UTC'),
    event_id UUID,
    precedence UInt64,
    role LowCardinality(String),
    city LowCardinality(String),
    state LowCardinality(String)
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (kind, user_id, event_timestamp, event_id, precedence);

CREATE MATERIALIZED VIEW ${database}.user_facts_view ${on_cluster} TO ${database}.user_facts AS
SELECT
    multiIf(event_type = 'user.registered', 'registered', event_type = 'user.kyc_verified', 'verified', 'upgraded') AS kind,
    user_id, event_timestamp, event_id, precedence,
    if(event_type = 'user.upgraded_to_driver', new_role, role) AS role, city, state
FROM ${database}.user_events
WHERE event_type = 'user.registered'
   OR (event_type = 'user.kyc_verified' AND kyc_status = 'VERIFIED')
   OR (event_type = 'user.upgraded_to_driver' AND new_role = 'DRIVER');

CREATE TABLE ${database}.route_facts ${on_cluster}
(
    route_id UUID,
    event_timestamp DateTime64(3, 'UTC'),
    event_id UUID,
    precedence UInt64,
    driver_id UUID,
    route_name String,
    origin_city LowCardinality(String),
    origin_state LowCardinality(String),
    destination_city LowCardinality(String),
    destination_state LowCardinality(String),
    seats_total UInt8
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (route_id, event_timestamp, event_id, precedence);

CREATE MATERIALIZED VIEW ${database}.route_facts_view ${on_cluster} TO ${database}.route_facts AS
SELECT route_id, event_timestamp, event_id, precedence, driver_id, route_name,
       origin_city, origin_state, destination_city, destination_state, seats_total
FROM ${database}.route_events WHERE event_type = 'route.created';

CREATE TABLE ${database}.booking_facts ${on_cluster}
(
    booking_id UUID,
    event_timestamp DateTime64(3, 'UTC'),
    event_id UUID,
    precedence UInt64,
    route_id UUID
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (booking_id, event_timestamp, event_id, precedence);

CREATE MATERIALIZED VIEW ${database}.booking_facts_view ${on_cluster} TO ${database}.booking_facts AS
SELECT booking_id, event_timestamp, event_id, precedence, route_id FROM ${database}.booking_events;
