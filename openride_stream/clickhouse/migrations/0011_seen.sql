-- When a user was seen first and last on a day: who asks for a part of it is answered from its build. Days are
-- built anew, under new names. Of those whose events may have expired the last build stays: on a part of such a
-- day whoever was active on the day counts.
ALTER TABLE ${database}.user_days ${on_cluster}
    ADD COLUMN IF NOT EXISTS first_at DateTime64(3, 'UTC') DEFAULT toDateTime64(0, 3, 'UTC') CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS last_at DateTime64(3, 'UTC') DEFAULT toDateTime64('2200-01-01 00:00:00', 3, 'UTC') CODEC(ZSTD(1));

ALTER TABLE ${database}.daily_users ${on_cluster}
    ADD COLUMN IF NOT EXISTS first_at DateTime64(3, 'UTC') DEFAULT toDateTime64(0, 3, 'UTC') CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS last_at DateTime64(3, 'UTC') DEFAULT toDateTime64('2200-01-01 00:00:00', 3, 'UTC') CODEC(ZSTD(1));

INSERT INTO ${database}.day_builds (preaggregation, day, marks_seen, generation)
SELECT replaceOne(preaggregation, 'user_days/', 'user_days.') AS renamed, day, max(marks_seen),
       argMax(generation, (marks_seen, generation))
FROM ${database}.day_builds
WHERE startsWith(preaggregation, 'user_days/') AND day < today() - ${events_days}
      AND preaggregation != 'user_days/location_events'
GROUP BY renamed, day;

INSERT INTO ${database}.day_builds (preaggregation, day, marks_seen, generation)
SELECT replaceOne(preaggregation, 'user_days/', 'user_days.') AS renamed, day, max(marks_seen),
       argMax(generation, (marks_seen, generation))
FROM ${database}.day_builds
WHERE startsWith(preaggregation, 'user_days/') AND day < today() - ${location_days}
      AND preaggregation = 'user_days/location_events'
GROUP BY renamed, day;

INSERT INTO ${database}.day_builds (preaggregation, day, marks_seen, generation)
SELECT replaceOne(preaggregation, 'daily_users.', 'active_users.') AS renamed, day, max(marks_seen),
       argMax(generation, (marks_seen, generation))
FROM ${database}.day_builds
WHERE startsWith(preaggregation, 'daily_users.') AND day < today() - ${events_days}
      AND preaggregation != 'daily_users.location_events'
GROUP BY renamed, day;

INSERT INTO ${database}.day_builds (preaggregation, day, marks_seen, generation)
SELECT replaceOne(preaggregation, 'daily_users.', 'active_users.') AS renamed, day, max(marks_seen),
       argMax(generation, (marks_seen, generation))
FROM ${database}.day_builds
WHERE startsWith(preaggregation, 'daily_users.') AND day < today() - ${location_days}
      AND preaggregation = 'daily_users.location_events'
GROUP BY renamed, day;

-- How many rows of a build have a booking that nobody had told of, whose route is looked up at each question.
ALTER TABLE ${database}.day_builds ${on_cluster} ADD COLUMN IF NOT EXISTS late UInt32 DEFAULT 1;
