import gzip
import io
import json
import zlib

import aiohttp
import pytest


async def ask(session, server, sql=b"", headers=None, method="POST", **parameters):
    async with session.request(
        method, server.url, data=sql or None, params=parameters, headers=headers
    ) as answer:
        return answer.status, await answer.text(), answer.headers


async def test_ping_and_the_root_say_ok(session, embedded):
    for path in ("/", "/ping", "/replicas_status"):
        async with session.get(embedded.url + path) as answer:
            assert (answer.status, await answer.text()) == (200, "Ok.\n")


async def test_the_default_format_is_tab_separated(session, embedded):
    status, text, headers = await ask(session, embedded, "SELECT 1, 'x'")
    assert (status, text) == (200, "1\tx\n")
    assert headers["X-ClickHouse-Format"] == "TabSeparated"
    assert headers["Content-Type"] == "text/tab-separated-values; charset=UTF-8"


async def test_a_format_in_the_statement_wins_over_the_default(session, embedded):
    status, text, headers = await ask(
        session, embedded, "SELECT 1 AS a FORMAT JSONEachRow", default_format="CSV"
    )
    assert (status, json.loads(text)) == (200, {"a": 1})
    assert headers["X-ClickHouse-Format"] == "JSONEachRow"
    _, text, headers = await ask(session, embedded, "SELECT 'a'", default_format="CSV")
    assert text == '"a"\n'
    _, text, headers = await ask(session, embedded, "EXISTS TABLE none FORMAT JSONEachRow")
    assert json.loads(text) == {"result": 0}
    assert headers["X-ClickHouse-Format"] == "JSONEachRow"


async def test_parameters_are_bound_by_the_engine(session, embedded):
    status, text, _ = await ask(
        session,
        embedded,
        "SELECT {a:UInt8} + 1, {s:String} = 'it''s\\t', {n:Nullable(String)}, {l:Array(String)}"
        " FORMAT JSONCompactEachRow",
        param_a="1",
        param_s="it's\\t",
        param_n="\\N",
        param_l="['x','y']",
    )
    assert (status, json.loads(text)) == (200, [2, 1, None, ["x", "y"]])


async def test_a_parameter_cannot_leave_its_quotes(session, embedded):
    hostile = "'; DROP TABLE x; -- `\\\\"
    status, text, _ = await ask(session, embedded, "SELECT length({s:String})", param_s=hostile)
    assert (status, text) == (200, f"{len(hostile) - 1}\n")


async def test_settings_and_database_come_from_the_url(session, embedded):
    status, text, _ = await ask(
        session,
        embedded,
        "SELECT getSetting('max_threads'), currentDatabase()",
        max_threads="3",
        database="system",
    )
    assert (status, text) == (200, "3\tsystem\n")
    _, text, _ = await ask(
        session, embedded, "SELECT currentDatabase()", headers={"X-ClickHouse-Database": "system"}
    )
    assert text == "system\n"


async def test_settings_do_not_outlive_their_request(session, embedded):
    await ask(session, embedded, "SELECT 1", max_threads="1", readonly="1")
    _, text, _ = await ask(session, embedded, "SELECT getSetting('readonly'), getSetting('max_threads') = 1")
    assert text == "0\t0\n"


@pytest.mark.parametrize(
    ("sql", "parameters", "status", "code"),
    [
        ("SELECT * FROM nowhere", {}, 404, "60"),
        ("SELEC 1", {}, 400, "62"),
        ("SELECT 1; SELECT 2", {}, 400, "62"),
        ("SELECT 1 INTO OUTFILE 'x'", {}, 403, "497"),
        ("SELECT * FROM file('/etc/passwd')", {}, 403, "446"),
        ('SELECT * FROM "/etc/passwd"', {}, 404, "60"),
        ("SELECT 1", {"no_such_setting": "1"}, 404, "115"),
        ("SELECT 1", {"database": "nowhere"}, 404, "81"),
        ("SELECT 1", {"param-x": "1"}, 400, "36"),
        ("SELECT 1", {"readonly": "7"}, 400, "36"),
        ("SELECT 1", {"query_id": "*/"}, 400, "36"),
        ("SELECT 1", {"compress": "1"}, 501, "48"),
        ("SET max_threads = 1", {"session_id": "s"}, 501, "48"),
        ("CREATE TABLE x (a Int8) ENGINE = Memory", {"readonly": "1"}, 500, "164"),
        ("SELECT throwIf(1)", {}, 500, "395"),
        ("SELECT sum(number) FROM numbers(1000000000000)", {"max_execution_time": "0.2"}, 408, "159"),
    ],
)
async def test_errors_have_the_servers_shape(session, embedded, sql, parameters, status, code):
    found, text, headers = await ask(session, embedded, sql, **parameters)
    assert found == status
    assert headers["X-ClickHouse-Exception-Code"] == code
    assert text.startswith(f"Code: {code}. DB::Exception: ")
    assert "(version " in text


async def test_a_get_reads_but_never_writes(session, embedded, table):
    status, text, _ = await ask(session, embedded, method="GET", query="SELECT 1", max_threads="2")
    assert (status, text) == (200, "1\n")
    for query in (f"INSERT INTO {table} VALUES (1, 'x')", f"DROP TABLE {table}"):
        status, text, _ = await ask(session, embedded, method="GET", query=query)
        assert (status, "READONLY" in text) == (500, True)


async def test_rows_may_stand_in_the_url_in_the_body_or_in_both(session, embedded, table):
    await ask(session, embedded, query=f"INSERT INTO {table} VALUES (1, 'url')")
    await ask(session, embedded, "(2, 'body')", query=f"INSERT INTO {table} VALUES")
    await ask(session, embedded, "(4, 'then body')", query=f"INSERT INTO {table} VALUES (3, 'url'),")
    await ask(session, embedded, f"INSERT INTO {table} FORMAT TSV\n5\twhole\n")
    await ask(session, embedded, '{"a":6,"s":"json"}', query=f"INSERT INTO {table} FORMAT JSONEachRow")
    _, text, _ = await ask(session, embedded, f"SELECT groupArray(s) FROM (SELECT s FROM {table} ORDER BY a)")
    assert text == "['url','body','url','then body','whole','json']\n"


async def test_an_insert_says_how_many_rows_it_wrote(session, embedded, table):
    status, _, headers = await ask(session, embedded, "1\tx\n2\ty\n", query=f"INSERT INTO {table} FORMAT TSV")
    assert status == 200
    assert json.loads(headers["X-ClickHouse-Summary"])["written_rows"] == "2"


async def test_a_bad_row_is_named_and_nothing_of_the_batch_is_stored(session, embedded, table):
    rows = '{"a":1,"s":"x"}\n{"a":"no","s":"y"}\n'
    status, text, _ = await ask(session, embedded, rows, query=f"INSERT INTO {table} FORMAT JSONEachRow")
    assert status == 400
    assert "(at row 2)" in text
    assert embedded.query(f"SELECT count() FROM {table}") == "0\n"


async def test_settings_of_an_insert_may_stand_in_the_statement(session, embedded, table):
    status, _, _ = await ask(
        session, embedded, "1\tx\n", query=f"INSERT INTO {table} (a, s) SETTINGS async_insert = 1 FORMAT TSV"
    )
    assert status == 200
    assert embedded.query(f"SELECT count() FROM {table}") == "1\n"


async def test_compressed_bodies_are_read_to_their_last_frame(session, embedded, table):
    frames = gzip.compress(b"1\tx\n") + gzip.compress(b"2\ty\n")
    query = f"INSERT INTO {table} FORMAT TSV"
    assert (await ask(session, embedded, frames, {"Content-Encoding": "gzip"}, query=query))[0] == 200
    body = zlib.compress(b"3\tz\n")
    assert (await ask(session, embedded, body, {"Content-Encoding": "deflate"}, query=query))[0] == 200
    for coding in ("lz4", "zstd"):
        _, compressed = await _compressed(session, embedded, coding, "SELECT 4, 'c'")
        assert (await ask(session, embedded, compressed * 2, {"Content-Encoding": coding}, query=query))[
            0
        ] == 200
    assert embedded.query(f"SELECT count(), sum(a) FROM {table}") == "7\t22\n"


async def _compressed(session, embedded, coding, sql):
    async with aiohttp.ClientSession(auto_decompress=False) as raw:
        headers = {"Accept-Encoding": coding}
        async with raw.post(
            embedded.url, data=sql, params={"enable_http_compression": "1"}, headers=headers
        ) as answer:
            return answer.headers.get("Content-Encoding"), await answer.read()


async def test_answers_are_compressed_only_when_both_sides_want_it(session, embedded):
    coding, body = await _compressed(session, embedded, "gzip", "SELECT 1")
    assert (coding, gzip.decompress(body)) == ("gzip", b"1\n")
    assert await _compressed(session, embedded, "gzip;q=0", "SELECT 1") == (None, b"1\n")
    _, text, headers = await ask(session, embedded, "SELECT 1", {"Accept-Encoding": "gzip"})
    assert (text, "Content-Encoding" in headers) == ("1\n", False)


async def test_a_whole_statement_may_be_compressed(session, embedded):
    body = gzip.compress(b"SELECT 42")
    assert (await ask(session, embedded, body, {"Content-Encoding": "gzip"}))[:2] == (200, "42\n")
    status, text, _ = await ask(session, embedded, b"not gzip", {"Content-Encoding": "gzip"})
    assert (status, "ZLIB_INFLATE_FAILED" in text) == (500, True)


async def test_web_pages_and_foreign_names_are_refused(session, embedded):
    for headers in ({"Origin": "http://example.org"}, {"Host": "example.org"}):
        status, text, _ = await ask(session, embedded, "SELECT 1", headers)
        assert (status, "ACCESS_DENIED" in text) == (403, True)


async def test_only_the_default_user_is_known(session, embedded):
    assert (await ask(session, embedded, "SELECT 1", {"X-ClickHouse-User": "default"}))[0] == 200
    assert (await ask(session, embedded, "SELECT 1", {"X-ClickHouse-User": "else"}))[0] == 403
    assert (await ask(session, embedded, "SELECT 1", {"X-ClickHouse-Key": "wrong"}))[0] == 403
    assert (await ask(session, embedded, "SELECT 1", {"Authorization": "Basic !"}))[0] == 403


async def test_the_query_id_is_echoed_and_kept_in_the_log(session, embedded):
    _, _, headers = await ask(session, embedded, "SELECT 'logged once'", query_id="my-id")
    assert headers["X-ClickHouse-Query-Id"] == "my-id"
    await ask(session, embedded, "SYSTEM FLUSH LOGS")
    sql = "SELECT query FROM system.query_log WHERE log_comment = 'my-id' AND type = 'QueryFinish'"
    _, text, _ = await ask(session, embedded, sql)
    assert text.startswith("SELECT \\'logged once\\'")


async def test_a_long_url_is_taken(session, embedded):
    status, text, _ = await ask(session, embedded, "SELECT length({s:String})", param_s="x" * 200_000)
    assert (status, text) == (200, "200000\n")


async def test_a_long_insert_may_stand_whole_in_the_body(session, embedded, table):
    rows = b"".join(b'{"a":%d,"s":"%s"}\n' % (k, b"x" * 20) for k in range(20_000))
    status, _, _ = await ask(session, embedded, f"INSERT INTO {table} FORMAT JSONEachRow\n".encode() + rows)
    assert status == 200
    assert embedded.query(f"SELECT count(), sum(a) FROM {table}") == f"20000\t{sum(range(20_000))}\n"


async def test_a_long_statement_is_read_whole(session, embedded, table):
    numbers = ",".join(map(str, range(30_000)))
    select = f"SELECT count() FROM numbers(40000) WHERE number IN ({numbers})"
    assert (await ask(session, embedded, select, max_query_size="1000000"))[:2] == (200, "30000\n")
    insert = f"INSERT INTO {table} SELECT number, '' FROM numbers(40000) WHERE number IN ({numbers})"
    assert (await ask(session, embedded, insert, max_query_size="1000000"))[0] == 200
    assert embedded.query(f"SELECT count() FROM {table}") == "30000\n"


async def test_a_statement_without_end_is_refused(session, embedded):
    status, text, _ = await ask(session, embedded, io.BytesIO(b"SELECT " + b"1," * 9_000_000))
    assert (status, "QUERY_IS_TOO_LARGE" in text) == (413, True)


async def test_what_cannot_be_done_is_said(session, embedded, table):
    query = f"INSERT INTO {table} VALUES (1, 'x'),"
    gzipped = {"Content-Encoding": "gzip"}
    for headers, parameters in ((gzipped, {"query": query}), ({"Content-Encoding": "snappy"}, {})):
        status, text, _ = await ask(session, embedded, gzip.compress(b"(2, 'y')"), headers, **parameters)
        assert (status, "NOT_IMPLEMENTED" in text) == (501, True)
    form = aiohttp.FormData()
    form.add_field("external", b"1", filename="x")
    async with session.post(embedded.url, data=form, params={"query": "SELECT 1"}) as answer:
        assert answer.status == 501
