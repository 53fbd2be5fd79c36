-- Bookings, payments and trips of a day as rows of distinct events, and active users as rows of distinct ids,
-- in the place of mergeable sets: tens of thousands of small sets took several times as long to merge as their
-- ids take to be counted. Days are built anew from their events. Builds have new names, so that none of an
-- older program's is taken for one of these.
DROP VIEW IF EXISTS ${database}.popular_routes ${on_cluster} SYNC;
DROP TABLE IF EXISTS ${database}.driver_earnings ${on_cluster} SYNC;
DROP TABLE IF EXISTS ${database}.geographic ${on_cluster} SYNC;
DROP TABLE IF EXISTS ${database}.daily_users ${on_cluster} SYNC;
DROP TABLE IF EXISTS ${database}.daily_bookings ${on_cluster} SYNC;
DROP TABLE IF EXISTS ${database}.daily_payments ${on_cluster} SYNC;
DROP TABLE IF EXISTS ${database}.daily_trips ${on_cluster} SYNC;

CREATE TABLE ${database}.daily_bookings ${on_cluster}
(
    day Date,
    generation UInt64,
    kind LowCardinality(String),
    event_timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    city LowCardinality(String),
    state LowCardinality(String),
    currency LowCardinality(String),
    route_id UUID CODEC(ZSTD(1)),
    booking_id UUID CODEC(NONE),
    price Decimal(18, 2) CODEC(ZSTD(1)),
    seats UInt8 CODEC(ZSTD(1))
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, generation, kind, event_timestamp);

CREATE TABLE ${database}.daily_payments ${on_cluster}
(
    day Date,
    generation UInt64,
    kind LowCardinality(String),
    event_timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    city LowCardinality(String),
    state LowCardinality(String),
    currency LowCardinality(String),
    route_id UUID CODEC(ZSTD(1)),
    booking_id UUID CODEC(ZSTD(1)),
    payment_id UUID CODEC(NONE),
    payment_method LowCardinality(String),
    amount Decimal(18, 2) CODEC(ZSTD(1)),
    processing_time_ms Nullable(UInt32) CODEC(ZSTD(1))
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, generation, kind, event_timestamp);

CREATE TABLE ${database}.daily_trips ${on_cluster}
(
    day Date,
    generation UInt64,
    kind LowCardinality(String),
    event_timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    city LowCardinality(String),
    state LowCardinality(String),
    currency LowCardinality(String),
    route_id UUID CODEC(ZSTD(1)),
    trip_id UUID CODEC(NONE),
    driver_id UUID CODEC(ZSTD(1)),
    duration_minutes Float64 CODEC(ZSTD(1)),
    distance_km Float64 CODEC(ZSTD(1)),
    on_time Bool CODEC(ZSTD(1)),
    earnings Decimal(18, 2) CODEC(ZSTD(1)),
    commission Decimal(18, 2) CODEC(ZSTD(1))
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, generation, kind, event_timestamp);

-- Whoever an event of the day names, by place: `route_id` tells the place of an event without a city of its own,
-- and is the nil id for one that has a city. `booking_id`, here and above: of a payment whose booking was not
-- known when the day was built, so that its route can still be found.
CREATE TABLE ${database}.daily_users ${on_cluster}
(
    day Date,
    generation UInt64,
    source LowCardinality(String),
    city LowCardinality(String),
    state LowCardinality(String),
    route_id UUID CODEC(ZSTD(1)),
    booking_id UUID CODEC(ZSTD(1)),
    user_id UUID CODEC(ZSTD(1))
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, generation, source, city, state, route_id, user_id);

-- For analysts: the last build of each day, a row a distinct event. Count ids with uniqExact: over several days the
-- same booking may come twice.
CREATE VIEW ${database}.popular_routes ${on_cluster} AS
SELECT day, route_id, city, state, currency, booking_id, price AS revenue, seats
FROM ${database}.daily_bookings
WHERE kind = 'booking.confirmed' AND (day, generation) IN
(
    SELECT day, argMax(generation, (marks_seen, generation)) FROM ${database}.day_builds
    WHERE preaggregation = 'daily_bookings.booking_events' GROUP BY day
);

CREATE VIEW ${database}.driver_earnings ${on_cluster} AS
SELECT day, driver_id, city, state, currency, trip_id, earnings, distance_km
FROM ${database}.daily_trips
WHERE kind = 'trip.completed' AND (day, generation) IN
(
    SELECT day, argMax(generation, (marks_seen, generation)) FROM ${database}.day_builds
    WHERE preaggregation = 'daily_trips.trip_events' GROUP BY day
);

-- By the places that events name; what names none has the place of a route, which the API finds.
CREATE VIEW ${database}.geographic ${on_cluster} AS
SELECT day, city, state, currency, toNullable(booking_id) AS booking_id, CAST(NULL, 'Nullable(UUID)') AS payment_id,
       toDecimal64(0, 2) AS revenue
FROM ${database}.daily_bookings
WHERE kind = 'booking.created' AND (day, generation) IN
(
    SELECT day, argMax(generation, (marks_seen, generation)) FROM ${database}.day_builds
    WHERE preaggregation = 'daily_bookings.booking_events' GROUP BY day
)
UNION ALL
SELECT day, city, state, currency, CAST(NULL, 'Nullable(UUID)') AS booking_id, toNullable(payment_id) AS payment_id,
       amount AS revenue
FROM ${database}.daily_payments
WHERE kind = 'payment.success' AND (day, generation) IN
(
    SELECT day, argMax(generation, (marks_seen, generation)) FROM ${database}.day_builds
    WHERE preaggregation = 'daily_payments.payment_events' GROUP BY day
);

-- A round looks at the bookings that came in since the last one: see rerouted.py.
ALTER TABLE ${database}.booking_events ${on_cluster}
    ADD INDEX IF NOT EXISTS came_in ingested_at TYPE minmax GRANULARITY 1;
