-- Who was active on which day, and when each rider got on with a booking: what funnel, cohorts and retention
-- are made of. Distinct users of the distinct events of one day, recomputed as a whole like those of 0005;
-- the times are those of the named events in which the user is the rider. They do not expire. A day that
-- was stored before this table has no build yet, so that it is read from its events until it has one.
CREATE TABLE ${database}.user_days ${on_cluster}
(
    day Date,
    generation UInt64,
    source LowCardinality(String),
    user_id UUID,
    created Array(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    initiated Array(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    succeeded Array(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    completed Array(DateTime64(3, 'UTC')) CODEC(ZSTD(1))
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, generation, source, user_id);
