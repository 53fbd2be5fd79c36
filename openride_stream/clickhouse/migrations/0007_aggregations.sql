-- Driver earnings and geographic: states of the distinct events of one day as in 0005, recomputed as a whole.
-- `route_id` (in geographic of a payment: `booking_id`) is what tells the place of an event without a city of
-- its own; an event with one has the nil id there, so that days are no finer than they must be.
CREATE TABLE ${database}.driver_earnings ${on_cluster}
(
    day Date,
    generation UInt64,
    driver_id UUID,
    city LowCardinality(String),
    state LowCardinality(String),
    route_id UUID,
    currency LowCardinality(String),
    trips AggregateFunction(uniqExact, UUID),
    completions UInt64,
    earnings Decimal(38, 2),
    distance_km AggregateFunction(sumKahan, Float64)
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, generation, driver_id, city, state, route_id, currency);

-- Bookings and payments by place. Whoever else is active somewhere is in daily_users.
CREATE TABLE ${database}.geographic ${on_cluster}
(
    day Date,
    generation UInt64,
    source LowCardinality(String),
    city LowCardinality(String),
    state LowCardinality(String),
    route_id UUID,
    booking_id UUID,
    currency LowCardinality(String),
    bookings AggregateFunction(uniqExact, UUID),
    payments AggregateFunction(uniqExact, UUID),
    revenue Decimal(38, 2),
    users AggregateFunction(uniqExact, UUID)
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, generation, source, city, state, route_id, booking_id, currency);

-- Popular routes: daily_bookings and daily_trips are by route already, so this is a view of the last build of
-- each day. Read it with uniqExactMerge(bookings), uniqExactMerge(trips_started), sum(revenue), sum(seats).
CREATE VIEW ${database}.popular_routes ${on_cluster} AS
SELECT day, route_id, city, state, currency, confirmed AS bookings, value AS revenue, seats,
       arrayReduce('uniqExactState', CAST([], 'Array(UUID)')) AS trips_started
FROM ${database}.daily_bookings
WHERE (day, generation) IN
(
    SELECT day, argMax(generation, (marks_seen, generation)) FROM ${database}.day_builds
    WHERE preaggregation = 'daily_bookings' GROUP BY day
)
UNION ALL
SELECT day, route_id, city, state, currency,
       arrayReduce('uniqExactState', CAST([], 'Array(UUID)')) AS bookings,
       toDecimal128(0, 2) AS revenue, toUInt64(0) AS seats, started AS trips_started
FROM ${database}.daily_trips
WHERE (day, generation) IN
(
    SELECT day, argMax(generation, (marks_seen, generation)) FROM ${database}.day_builds
    WHERE preaggregation = 'daily_trips' GROUP BY day
);
