import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openride_stream.embedded.clickhouse.errors import ClickHouseError, Code
from openride_stream.embedded.clickhouse.statements import Kind, parse_statement

# fmt: off
WORDS = [
    "SELECT", "WITH", "INSERT", "INTO", "FORMAT", "VALUES", "SETTINGS", "FROM", "t", "(", ")", "'", '"', "`",
    ";", "--", "/*", "*/", "\n", "$$", "1", "\u2018", "\u2019", "\u200b",
]
# fmt: on


def parsed(source):
    statement = parse_statement(source.encode() if isinstance(source, str) else source)
    return statement.kind, statement.text, statement.format, statement.settings, statement.rows


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("SELECT 1", (Kind.SELECT, "SELECT 1", "", "", b"")),
        ("SELECT 1 FORMAT JSON", (Kind.SELECT, "SELECT 1", "JSON", "", b"")),
        ("select 1 format `CSV`;", (Kind.SELECT, "select 1", "CSV", "", b"")),
        ("SELECT 1 -- FORMAT JSON;", (Kind.SELECT, "SELECT 1", "", "", b"")),
        ("SELECT ';' FORMAT TSV -- x", (Kind.SELECT, "SELECT ';'", "TSV", "", b"")),
        (
            "SELECT 1 SETTINGS a = 1 FORMAT TSV SETTINGS b = 2",
            (Kind.SELECT, "SELECT 1 SETTINGS a = 1", "TSV", "SETTINGS b = 2", b""),
        ),
        ("SELECT format FROM t", (Kind.SELECT, "SELECT format FROM t", "", "", b"")),
        ("(SELECT 1) UNION ALL (SELECT 2)", (Kind.SELECT, "(SELECT 1) UNION ALL (SELECT 2)", "", "", b"")),
        ("FROM t SELECT a", (Kind.SELECT, "FROM t SELECT a", "", "", b"")),
        ("WITH 1 AS x SELECT x", (Kind.SELECT, "WITH 1 AS x SELECT x", "", "", b"")),
        (
            "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
            (Kind.OTHER, "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", "", "", b""),
        ),
        ("SHOW TABLES FORMAT JSON", (Kind.OTHER, "SHOW TABLES FORMAT JSON", "JSON", "", b"")),
    ],
)
def test_a_statement_is_cut_where_its_format_begins(source, expected):
    assert parsed(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("INSERT INTO t FORMAT TSV", ("INSERT INTO t", "TSV", "", b"")),
        ("INSERT INTO t FORMAT TSV\n1\t2", ("INSERT INTO t", "TSV", "", b"1\t2")),
        ('INSERT INTO t FORMAT JSONEachRow {"a": 1}', ("INSERT INTO t", "JSONEachRow", "", b'{"a": 1}')),
        ("INSERT INTO t FORMAT CSV\r\n\n1", ("INSERT INTO t", "CSV", "", b"\n1")),
        ("INSERT INTO t FORMAT CSV;", ("INSERT INTO t", "CSV", "", b"")),
        ("INSERT INTO a.t (x, y) VALUES (1, 2)", ("INSERT INTO a.t (x, y)", "Values", "", b"(1, 2)")),
        ("insert into t values", ("insert into t", "Values", "", b"")),
        ("INSERT INTO t", ("INSERT INTO t", "Values", "", b"")),
        ("INSERT INTO t (format, values) FORMAT TSV", ("INSERT INTO t (format, values)", "TSV", "", b"")),
        (
            "INSERT INTO t SETTINGS a = 1, b = 'FORMAT' FORMAT TSV\n",
            ("INSERT INTO t", "TSV", "SETTINGS a = 1, b = 'FORMAT'", b""),
        ),
        ("INSERT INTO `FORMAT` VALUES (1)", ("INSERT INTO `FORMAT`", "Values", "", b"(1)")),
        ("INSERT INTO t /* VALUES ( */ FORMAT TSV\n1", ("INSERT INTO t", "TSV", "", b"1")),
    ],
)
def test_an_insert_is_cut_where_its_rows_begin(source, expected):
    assert parsed(source) == (Kind.INSERT, *expected)


@pytest.mark.parametrize(
    "source", ["INSERT INTO t SELECT 1", "INSERT INTO t (a) WITH 1 AS x SELECT x", "INSERT INTO t (SELECT 1)"]
)
def test_an_insert_from_a_select_carries_no_rows(source):
    assert parsed(source)[:2] == (Kind.OTHER, source)


@given(rows=st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_the_rows_of_an_insert_may_be_any_bytes(rows):
    assert parse_statement(b"INSERT INTO t (a, b) FORMAT RowBinary\n" + rows).rows == rows


@pytest.mark.parametrize(
    "source",
    [
        "",
        "  -- nothing",
        ";",
        "SELECT 1; SELECT 2",
        "INSERT INTO t SELECT 1; DROP TABLE t",
        "SELECT 'open",
        "SELECT /* open",
        "SELECT `x",
        "INSERT INTO",
    ],
)
def test_what_is_no_single_statement_is_a_syntax_error(source):
    with pytest.raises(ClickHouseError) as caught:
        parse_statement(source.encode())
    assert caught.value.code == Code.SYNTAX_ERROR


def test_a_semicolon_inside_quotes_comments_or_heredocs_separates_nothing():
    for source in (
        "SELECT ';'",
        "SELECT 1 /* ; */ + 2",
        "SELECT $x$;$x$",
        'SELECT 1 AS ";"',
        "SELECT ‘;’",
        "SELECT '\\';'",
    ):
        assert parse_statement(source.encode()).text == source


def test_a_statement_that_is_not_utf8_is_refused():
    with pytest.raises(ClickHouseError, match="UTF-8"):
        parse_statement(b"SELECT '\xff'")


@given(words=st.lists(st.sampled_from(WORDS), max_size=12))
@settings(max_examples=150, deadline=None)
def test_parsing_answers_or_refuses_but_never_breaks(words):
    try:
        statement = parse_statement(" ".join(words).encode())
    except ClickHouseError:
        return
    assert statement.tokens
