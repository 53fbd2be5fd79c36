"""What a query may be: a corpus of what is exported and of what never reaches the store."""

import pytest

from openride_stream.exports.prepared import QueryRefused
from openride_stream.exports.query import prepare

DATABASE = "openride_analytics"

GOOD = """
SELECT * FROM trip_events
SELECT city, count() AS n FROM openride_analytics.trip_events FINAL GROUP BY city ORDER BY n DESC
SELECT openride_analytics.trip_events.city FROM openride_analytics.trip_events
SELECT quantileIf(0.5)(distance_km, on_time), uniqExactIf(a, b), groupArray(10)(c) FROM trip_events
SELECT t.city FROM trip_events t LEFT JOIN route_events AS r USING (route_id)
WITH 5 AS k, (SELECT max(day) FROM popular_routes) AS m SELECT k, m, arrayMap(x -> x + 1, [1, 2])
WITH t AS (SELECT * FROM trip_events), u AS (SELECT * FROM t) SELECT t.trip_id FROM t JOIN u USING (trip_id)
SELECT count() FROM trip_events UNION ALL SELECT count() FROM booking_events
SELECT toStartOfInterval(event_timestamp, INTERVAL 1 HOUR) AS h, x::Decimal(18, 2) FROM trip_events
SELECT if(a, b, c), row_number() OVER (PARTITION BY city ORDER BY x) FROM trip_events
SELECT * EXCEPT (payload) REPLACE (1 AS city) FROM trip_events WHERE c NOT IN (1, 2)
SELECT a FROM trip_events WHERE (a, b) IN (SELECT a, b FROM route_events)
SELECT day FROM route_events ARRAY JOIN active_days AS day
SELECT event_type, JSONExtractString(payload, 'note') FROM events_raw PREWHERE city = 'file(' LIMIT 5 OFFSET 3
SELECT 'a; -- ( file(''/etc/passwd'')' FROM trip_events
SELECT a FROM trip_events ORDER BY a LIMIT 5 BY b
FROM driver_earnings SELECT driver_id, sum(earnings) GROUP BY driver_id HAVING count() > 1
SELECT dateDiff('day', a, b), dateDiff(hour, a, b), EXTRACT(DAY FROM a), CAST(c, 'Int8') FROM trip_events
SELECT t.user FROM trip_events t ARRAY JOIN splitByChar(',', city) AS p, [1, 2] AS n WHERE (a) IN (('b'))
""".strip().splitlines()

BAD = r"""
SELECT a FROM trip_events SETTINGS max_memory_usage = 0 || SETTINGS
SELECT * FROM (SELECT a FROM trip_events SETTINGS max_threads = 64) || SETTINGS
SELECT a FROM trip_events FORMAT CSV || FORMAT
SELECT a FROM trip_events INTO OUTFILE '/tmp/x' || cannot be read
SELECT 1; DROP TABLE trip_events || one statement
DROP TABLE trip_events || must be a SELECT
INSERT INTO trip_events SELECT * FROM trip_events || must be a SELECT
ALTER TABLE trip_events DELETE WHERE 1 || must be a SELECT
EXPLAIN SELECT 1 || must be a SELECT
SHOW TABLES || must be a SELECT
DESCRIBE TABLE trip_events || must be a SELECT
SELECT * FROM system.tables || system.tables
SELECT * FROM `system`.`users` || users
SELECT * FROM dead_letters || dead_letters
SELECT * FROM superseded_events || superseded_events
SELECT * FROM other.trip_events || other.trip_events
SELECT * FROM "/etc/passwd" || passwd
SELECT * FROM file('/etc/passwd') || file
SELECT * FROM url('http://169.254.169.254/') || url
SELECT * FROM s3('http://x/y') || s3
SELECT * FROM remote('h', system.one) || remote
SELECT * FROM numbers(10) || numbers
SELECT * FROM merge('openride_analytics', '.*') || merge
SELECT * FROM values('a Int8', 1) || VALUES
SELECT * FROM (SELECT * FROM trip_events t JOIN system.one o ON 1) || system.one
SELECT file('/etc/passwd') || file
SELECT `file`('/etc/passwd'), FILE ('x') || file
SELECT "file"/**/('/etc/passwd') || file
SELECT arrayMap(x -> file(x), ['a']) || file
SELECT * APPLY(file) FROM trip_events || APPLY
SELECT dictGet('d', 'a', 1) || dictGet
SELECT joinGet('dead_letters', 'message', 1) || joinGet
SELECT hasColumnInTable('a', 'b', 'c') || hasColumnInTable
SELECT getSetting('max_threads') || getSetting
SELECT getClientHTTPHeader('X-ClickHouse-Key') || getClientHTTPHeader
SELECT currentUser() || currentUser
SELECT hostName() || hostName
SELECT sleep(3) || sleep
SELECT sleepEachRow(3) FROM trip_events || sleepEachRow
SELECT generateSerialID('x') || generateSerialID
SELECT 1 WHERE 1 IN dead_letters || after IN
SELECT 1 WHERE 1 IN (dead_letters) || after IN
SELECT 1 WHERE 1 GLOBAL NOT IN system.one || after IN
SELECT in(1, dead_letters) || cannot be read
SELECT globalIn(1, dead_letters) || globalIn
SELECT notIn(1, dead_letters) || notIn
SELECT 1 WHERE 1 IN (SELECT * FROM system.one) || system.one
SELECT (SELECT count() FROM dead_letters) || dead_letters
SELECT EXISTS (SELECT 1 FROM dead_letters) || dead_letters
WITH dead_letters AS (SELECT 1) SELECT * FROM openride_analytics.dead_letters || dead_letters
SELECT * FROM (WITH dead_letters AS (SELECT 1) SELECT 1) AS a, dead_letters || dead_letters
WITH a AS (SELECT * FROM dead_letters), dead_letters AS (SELECT 1) SELECT * FROM a || dead_letters
WITH (SELECT 1) AS dead_letters SELECT * FROM dead_letters || dead_letters
WITH RECURSIVE x AS (SELECT 1 UNION ALL SELECT * FROM x) SELECT * FROM x || RECURSIVE
SELECT {t:Identifier} || Identifier
SELECT * FROM {t:Identifier} || Identifier
SELECT @@version || {name:Type}
SELECT a FROM trip_events SAMPLE 0.1 || SAMPLE
SELECT a, count() FROM trip_events GROUP BY a WITH TOTALS || TOTALS
SELECT 1 FROM trip_events FOR UPDATE || LOCKS
SELECT 1 WHERE 1 IN ((dead_letters)) || after IN
SELECT 1 WHERE 1 IN ((openride_analytics.dead_letters AS x)) || after IN
SELECT 1 WHERE 1 IN (((system.one)),) || after IN
SELECT globalNullIn(0, system.one) || globalNullIn
SELECT m FROM trip_events ARRAY JOIN (SELECT groupArray(message) FROM dead_letters) AS m || ARRAY JOIN
SELECT m FROM trip_events LEFT ARRAY JOIN arrayMap(x -> (SELECT 1 FROM system.one), [1]) AS m || ARRAY JOIN
SELECT dateDiff('day, now(), now()), * FROM INFORMATION_SCHEMA.TABLES WHERE (1', 1, 1) || no unit
SELECT extract(`DAY FROM now()), * FROM INFORMATION_SCHEMA.TABLES WHERE (1` FROM z) || no unit
(SELECT 1) SETTINGS max_threads = 1 || SETTINGS
SELECT * FROM ((SELECT 1) FORMAT CSV) || FORMAT
SELECT session_user || session_user
SELECT currentUser, `currentRequestURL` || currentUser
SELECT CAST(unhex('00'), 'AggregateFunction(groupArray, String)') || states
SELECT CAST('x', {t:String}) || written out
SELECT map('a') || cannot be read
SELECT 'unterminated || cannot be read
""".strip().splitlines()


@pytest.mark.parametrize("query", GOOD)
def test_a_select_over_tables_of_exports_is_prepared(query: str) -> None:
    sql = prepare(query, {}, DATABASE, 1_000).sql
    assert "LIMIT" in sql
    # Every table of events is read without what was sent twice and what lost.
    assert sql.count("FINAL") == sql.count("_events FINAL") == sql.count("superseded_events)")


@pytest.mark.parametrize("line", BAD)
def test_anything_else_is_refused_and_says_what(line: str) -> None:
    query, _, said = line.rpartition(" || ")
    given = {"t": "dead_letters"} if "{t:" in query else {}
    with pytest.raises(QueryRefused) as refused:
        prepare(query, given, DATABASE, 1_000)
    assert said.lower() in str(refused.value).lower()


@pytest.mark.parametrize(
    "query", ["(" * 5_000, "SELECT " + "(" * 40 + "1" + ")" * 41, "SELECT 1" + " + 1" * 9_000, "\0", ""]
)
def test_what_is_long_deep_or_empty_is_refused_as_well(query: str) -> None:
    with pytest.raises(QueryRefused):
        prepare(query, {}, DATABASE, 1_000)


@pytest.mark.parametrize(
    "query", ["SELECT 1" + "::Int8" * 2_000, "SELECT " + "x->" * 5_000 + "1", "SELECT 1" + " IN 1" * 3_000]
)
def test_what_the_parser_reads_and_nobody_can_walk_is_refused(query: str) -> None:
    with pytest.raises(QueryRefused, match="too deep"):
        prepare(query, {}, DATABASE, 1_000)


def test_tables_that_are_read_are_counted_also_behind_names() -> None:
    twice = [f"t{number} AS (SELECT x.city FROM t{number - 1} x, t{number - 1} y)" for number in range(1, 30)]
    doubled = f"WITH t0 AS (SELECT city FROM trip_events), {', '.join(twice)} SELECT * FROM t29"
    for query in (doubled, "SELECT 1 FROM events_raw" + ", events_raw" * 1_200):
        with pytest.raises(QueryRefused, match="reads more than 60 tables"):
            prepare(query, {}, DATABASE, 1_000)


@pytest.mark.parametrize(
    ("query", "end"),
    [
        ("SELECT a FROM trip_events LIMIT 5", "LIMIT 5"),
        ("SELECT a FROM trip_events LIMIT 5000", "LIMIT 1000"),
        ("SELECT a FROM trip_events LIMIT 5000 OFFSET 2", ") AS asked LIMIT 1000"),
        ("SELECT 1 UNION ALL SELECT 2 LIMIT 1", ") AS asked LIMIT 1000"),
    ],
)
def test_rows_are_limited_whatever_the_query_says(query: str, end: str) -> None:
    assert prepare(query, {}, DATABASE, 1_000).sql.endswith(end)
