-- Who was active on which day, whatever their part: what cohorts and retention are made of. Distinct users
-- of the distinct events of one day, recomputed as a whole like the states of 0005; they do not expire. A day
-- that was stored before these tables has no build yet: it is read from its events until it has one.
CREATE TABLE ${database}.user_days ${on_cluster}
(
    day Date,
    generation UInt64,
    source LowCardinality(String),
    user_id UUID
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, generation, source, user_id);

-- When riders got to the steps of the funnel, which are event types.
CREATE TABLE ${database}.rider_steps ${on_cluster}
(
    day Date,
    generation UInt64,
    source LowCardinality(String),
    step LowCardinality(String),
    user_id UUID,
    reached_at DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, generation, source, step, user_id);
