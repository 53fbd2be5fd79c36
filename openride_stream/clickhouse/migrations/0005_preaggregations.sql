-- How often each day of each source has been touched. A sink adds marks after its rows are durable and
-- before it acks; marks only grow, so "as many marks as the build saw" means "nothing since".
CREATE TABLE ${database}.day_marks ${on_cluster}
(
    source LowCardinality(String),
    day Date,
    marks UInt64
)
ENGINE = ${replicated}SummingMergeTree(marks)
ORDER BY (source, day);

-- Which generation of a pre-aggregated day is current, and how many marks it had seen when it was begun.
CREATE TABLE ${database}.day_builds ${on_cluster}
(
    preaggregation LowCardinality(String),
    day Date,
    marks_seen UInt64,
    generation UInt64,
    built_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (preaggregation, day, marks_seen, generation);

-- Pre-aggregations hold mergeable states of *distinct* events of one day, recomputed as a whole; they are
-- never summed from inserted rows. Place is resolved when read: they carry the event's own city and state
-- and its route.
CREATE TABLE ${database}.daily_users ${on_cluster}
(
    day Date,
    generation UInt64,
    source LowCardinality(String),
    city LowCardinality(String),
    state LowCardinality(String),
    route_id UUID,
    users AggregateFunction(uniqExact, UUID)
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, generation, source, city, state, route_id);

CREATE TABLE ${database}.daily_bookings ${on_cluster}
(
    day Date,
    generation UInt64,
    city LowCardinality(String),
    state LowCardinality(String),
    route_id UUID,
    currency LowCardinality(String),
    created AggregateFunction(uniqExact, UUID),
    confirmed AggregateFunction(uniqExact, UUID),
    cancelled AggregateFunction(uniqExact, UUID),
    completed AggregateFunction(uniqExact, UUID),
    confirmations UInt64,
    value Decimal(38, 2),
    seats UInt64
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, generation, city, state, route_id, currency);

CREATE TABLE ${database}.daily_payments ${on_cluster}
(
    day Date,
    generation UInt64,
    city LowCardinality(String),
    state LowCardinality(String),
    payment_method LowCardinality(String),
    currency LowCardinality(String),
    initiated AggregateFunction(uniqExact, UUID),
    succeeded AggregateFunction(uniqExact, UUID),
    failed AggregateFunction(uniqExact, UUID),
    refunded AggregateFunction(uniqExact, UUID),
    revenue Decimal(38, 2),
    refunds Decimal(38, 2),
    processing_times AggregateFunction(quantileExactInclusive(0.95), UInt32),
    processing_sum_ms UInt64,
    processing_count UInt64
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, generation, city, state, payment_method, currency);

CREATE TABLE ${database}.daily_trips ${on_cluster}
(
    day Date,
    generation UInt64,
    city LowCardinality(String),
    state LowCardinality(String),
    route_id UUID,
    currency LowCardinality(String),
    started AggregateFunction(uniqExact, UUID),
    completed AggregateFunction(uniqExact, UUID),
    cancelled AggregateFunction(uniqExact, UUID),
    completions UInt64,
    duration_minutes AggregateFunction(sumKahan, Float64),
    distance_km AggregateFunction(sumKahan, Float64),
    on_time UInt64,
    earnings Decimal(38, 2),
    commission Decimal(38, 2),
    drivers AggregateFunction(uniqExact, UUID)
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, generation, city, state, route_id, currency);

CREATE TABLE ${database}.hourly_activity ${on_cluster}
(
    day Date,
    generation UInt64,
    hour DateTime('UTC'),
    source LowCardinality(String),
    event_type LowCardinality(String),
    city LowCardinality(String),
    state LowCardinality(String),
    events UInt64
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, generation, hour, source, event_type, city, state);
