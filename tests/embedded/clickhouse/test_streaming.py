import asyncio
import time
from pathlib import Path

import aiohttp
import pytest

MB = 1024 * 1024


async def until(condition, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not await condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


async def running(session, server, pattern):
    sql = "SELECT countIf(query LIKE {p:String} AND query NOT LIKE '%processes%') FROM system.processes"
    async with session.post(server.url, data=sql, params={"param_p": f"%{pattern}%"}) as answer:
        return int(await answer.text())


def resident_bytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


class PeakMemory:
    """The highest resident size seen while the block ran, less the one before it."""

    def __init__(self, pid):
        self.pid = pid

    async def __aenter__(self):
        self.before = self.peak = resident_bytes(self.pid)
        self.watching = asyncio.ensure_future(self.watch())
        return self

    async def watch(self):
        while True:
            self.peak = max(self.peak, resident_bytes(self.pid))
            await asyncio.sleep(0.02)

    async def __aexit__(self, *error):
        self.watching.cancel()
        self.grown = self.peak - self.before


async def test_a_long_answer_streams_with_flat_memory(session, embedded):
    size = 0
    async with PeakMemory(embedded.pid) as memory:
        sql = "SELECT repeat('x', 99) FROM numbers(4000000)"
        async with session.post(embedded.url, data=sql) as answer:
            async for chunk in answer.content.iter_any():
                size += len(chunk)
    assert size == 400_000_000
    assert memory.grown < 200 * MB


async def test_a_long_body_streams_with_flat_memory(session, embedded):
    embedded.query("CREATE TABLE IF NOT EXISTS long_body (a UInt32, s String) ENGINE = Null")
    rows = b"".join(b"%d\t%s\n" % (k, b"x" * 1000) for k in range(1000))

    async def body():
        for _ in range(400):
            yield rows

    params = {"query": "INSERT INTO long_body FORMAT TSV", "min_insert_block_size_bytes": "10000000"}
    async with (
        PeakMemory(embedded.pid) as memory,
        session.post(embedded.url, params=params, data=body()) as answer,
    ):
        assert answer.status == 200
        assert '"written_rows":"400000"' in answer.headers["X-ClickHouse-Summary"]
    assert memory.grown < 250 * MB


async def test_an_early_error_keeps_its_status_and_a_late_one_breaks_the_answer_off(session, embedded):
    early = "SELECT throwIf(number = 1000) FROM numbers(2000)"
    async with session.post(embedded.url, data=early) as answer:
        assert answer.status == 500
    late = "SELECT repeat('x', 100), throwIf(number = 3000000) FROM numbers(3000001)"
    async with session.post(embedded.url, data=late) as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_wait_end_of_query_gives_a_late_error_its_status(session, embedded):
    late = "SELECT repeat('x', 100), throwIf(number = {n:UInt32}) FROM numbers(200000)"
    params = {"wait_end_of_query": "1", "param_n": "199999"}
    async with session.post(embedded.url, data=late, params=params) as answer:
        assert answer.status == 500
    async with session.post(embedded.url, data=late, params=params | {"param_n": "200000"}) as answer:
        assert len(await answer.read()) == 200_000 * 103
        assert '"read_rows":"200000"' in answer.headers["X-ClickHouse-Summary"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number), 'gone1')",
        "SELECT number, 'gone2' FROM numbers(1000000000000)",
        "SELECT sum(number) FROM numbers(1000000000000) WHERE 'gone3' != '' SETTINGS log_comment = 'mine'",
    ],
)
async def test_a_client_that_goes_away_stops_its_query(session, embedded, sql):
    pattern = sql[sql.index("gone") : sql.index("gone") + 5]
    asking = asyncio.ensure_future(session.post(embedded.url, data=sql))

    async def started():
        return asking.done() or await running(session, embedded, pattern) == 1

    await until(started)
    asking.cancel()
    if asking.done() and not asking.cancelled():
        asking.result().close()

    async def stopped():
        return await running(session, embedded, pattern) == 0

    await until(stopped)


@pytest.mark.parametrize("head", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
async def test_an_insert_that_breaks_off_stores_nothing(session, embedded, table, head):
    rows = b"1\tx\n" * 1000
    for _ in range(5):
        _, writer = await asyncio.open_connection("127.0.0.1", embedded.port)
        path = f"/?query=INSERT+INTO+{table}+FORMAT+TSV"
        writer.write(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n\r\n".encode())
        writer.write(rows if "Length" in head else b"%x\r\n%s\r\n" % (len(rows), rows))
        await writer.drain()

        async def started():
            return await running(session, embedded, f"INSERT INTO {table}") == 1

        await until(started)
        writer.close()
        await writer.wait_closed()

        async def stopped():
            return await running(session, embedded, f"INSERT INTO {table}") == 0

        await until(stopped)
    assert embedded.query(f"SELECT count() FROM {table}") == "0\n"


async def test_a_bad_first_row_is_answered_while_the_body_is_still_coming(session, embedded, table):
    async def body():
        yield b"not a number\tx\n"
        for _ in range(100):
            yield b"1\tx\n" * 20_000

    params = {"query": f"INSERT INTO {table} FORMAT TSV"}
    async with session.post(embedded.url, params=params, data=body()) as answer:
        assert answer.status == 400
        assert "(at row 1)" in await answer.text()
    assert embedded.query(f"SELECT count() FROM {table}") == "0\n"


async def test_a_statement_whose_id_runs_is_refused_and_too_many_wait(session, embedded):
    slow = "SELECT sleepEachRow(0.5) FROM numbers(100) SETTINGS max_block_size = 1"
    first = asyncio.ensure_future(session.post(embedded.url, data=slow, params={"query_id": "twin"}))

    async def started():
        return await running(session, embedded, "sleepEachRow(0.5)") == 1

    await until(started)
    async with session.post(embedded.url, data="SELECT 1", params={"query_id": "twin"}) as answer:
        assert answer.status == 400
        assert "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING" in await answer.text()
    first.cancel()

    async def stopped():
        return await running(session, embedded, "sleepEachRow(0.5)") == 0

    await until(stopped)
