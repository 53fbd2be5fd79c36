import pytest

from openride_stream.embedded.clickhouse.errors import ClickHouseError, Code
from openride_stream.embedded.clickhouse.policy import Policy
from openride_stream.embedded.clickhouse.statements import parse_statement

POLICY = Policy(["file", "url", "s3", "python", "eval", "remote", "Merge", "numbers", "somethingNew"])


def check(source):
    POLICY.check(parse_statement(source.encode()).tokens)


@pytest.mark.parametrize(
    "source",
    [
        "SELECT * FROM file('/etc/passwd')",
        "SELECT * FROM FILE ('/etc/passwd')",
        "SELECT file('/etc/passwd')",
        "SELECT * FROM file/* */('/etc/passwd')",
        "SELECT * FROM file\u200b('/etc/passwd')",
        "SELECT * FROM \"file\"('/etc/passwd')",
        "SELECT * FROM `fi\\x6ce`('/etc/passwd')",
        "SELECT * FROM “file”('/etc/passwd')",
        "SELECT 1 WHERE 1 IN (SELECT * FROM url('http://x', CSV, 'a String'))",
        "SELECT * FROM somethingNew(1)",
        "SELECT * FROM Python(x)",
        "INSERT INTO t SELECT * FROM s3('x')",
        "INSERT INTO FUNCTION file('x') VALUES (1)",
        "CREATE VIEW v AS SELECT * FROM remote('x', y)",
        "CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local)",
        "CREATE DICTIONARY d (a Int8) PRIMARY KEY a SOURCE(HTTP(url 'x'))",
    ],
)
def test_a_call_that_reaches_outside_is_refused(source):
    with pytest.raises(ClickHouseError) as caught:
        check(source)
    assert caught.value.code == Code.FUNCTION_NOT_ALLOWED
    assert caught.value.status == 403


@pytest.mark.parametrize(
    "source",
    [
        "SELECT 1 INTO OUTFILE 'x'",
        "SELECT 1 into /* */ outfile 'x' FORMAT CSV",
        "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        "CREATE TABLE t (a Int8) ENGINE = Kafka",
        "CREATE TABLE t (a Int8) ENGINE `URL`('x')",
        "CREATE DATABASE d ENGINE = SQLite('x')",
        "CREATE TEMPORARY TABLE t (a Int8)",
        "ATTACH TABLE t FROM '/x' (a Int8) ENGINE = MergeTree ORDER BY a",
        "DROP TABLE t PARALLEL WITH CREATE TABLE u (a Int8) ENGINE = Kafka",
        "BACKUP TABLE t TO Disk('x', 'y')",
        "RESTORE TABLE t FROM Null",
        " SYSTEM SHUTDOWN",
    ],
)
def test_a_statement_that_reaches_outside_is_refused(source):
    with pytest.raises(ClickHouseError) as caught:
        check(source)
    assert caught.value.status == 403


@pytest.mark.parametrize(
    "source",
    [
        "SELECT count() FROM numbers(10)",
        "SELECT file, url FROM t WHERE engine = 'File' AND name IN ('x')",
        "SELECT engine FROM system.tables WHERE engine = x",
        "SELECT * FROM merge('db', 't')",
        "CREATE TABLE t (a Int8) ENGINE = ReplacingMergeTree(v) ORDER BY a",
        "CREATE MATERIALIZED VIEW v TO t AS SELECT 1",
        "CREATE DATABASE d ENGINE = Atomic",
        "SYSTEM FLUSH LOGS",
        "SELECT 'file(x) INTO OUTFILE'",
        "INSERT INTO t VALUES (1)",
    ],
)
def test_ordinary_statements_pass(source):
    check(source)
