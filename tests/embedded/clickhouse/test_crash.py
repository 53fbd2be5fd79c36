"""kill -9 during inserts, again and again: every row that was acknowledged is there."""

import asyncio
import itertools
import random

import aiohttp

KILLS = 10
WRITERS = 3
ROWS_PER_BATCH = 500


async def write(server, batches, acknowledged, stop):
    """Insert batches of new rows until told to stop; note the batches that were acknowledged."""
    params = {"query": "INSERT INTO crash.t FORMAT JSONEachRow"}
    async with aiohttp.ClientSession() as session:
        while not stop.is_set():
            batch = next(batches)
            rows = b"".join(b'{"batch":%d,"row":%d}\n' % (batch, k) for k in range(ROWS_PER_BATCH))
            try:
                async with session.post(server.url, params=params, data=rows) as answer:
                    assert answer.status == 200, await answer.text()
                    await answer.read()
                    acknowledged.add(batch)
            except aiohttp.ClientError:
                return


async def crash_once(server, batches, acknowledged, chance):
    """Let the writers run until some batches are acknowledged, then kill the server under them."""
    stop = asyncio.Event()
    goal = len(acknowledged) + 5
    writing = [asyncio.ensure_future(write(server, batches, acknowledged, stop)) for _ in range(WRITERS)]
    async with asyncio.timeout(60):
        while len(acknowledged) < goal:  # noqa: ASYNC110 - a set has no event
            await asyncio.sleep(0.005)
    await asyncio.sleep(chance.random() * 0.03)
    server.kill()
    stop.set()
    await asyncio.gather(*writing)


async def test_no_acknowledged_row_is_lost_by_kill_9(clickhouse_server):
    server = clickhouse_server().start()
    server.query("CREATE DATABASE crash")
    server.query("CREATE TABLE crash.t (batch UInt64, row UInt32) ENGINE = MergeTree ORDER BY batch")
    server.query("CREATE TABLE crash.sums (batch UInt64, n UInt64) ENGINE = SummingMergeTree ORDER BY batch")
    server.query(
        "CREATE MATERIALIZED VIEW crash.v TO crash.sums"
        " AS SELECT batch, count() AS n FROM crash.t GROUP BY batch"
    )
    # Never twice the same: a batch that was stored without an answer would look doubled.
    batches, acknowledged = itertools.count(), set()
    chance = random.Random(11)
    for _ in range(KILLS):
        await crash_once(server, batches, acknowledged, chance)
        server.start()
        for table, count in (("crash.t", "count()"), ("crash.sums", "sum(n)")):
            answer = server.query(f"SELECT batch, {count} FROM {table} GROUP BY batch")
            stored = dict(map(int, line.split("\t")) for line in answer.splitlines())
            lost = {batch for batch in acknowledged if stored.get(batch) != ROWS_PER_BATCH}
            assert not lost, f"{table} lost acknowledged batches {sorted(lost)}"
