import asyncio

import pytest
from aiochclient import ChClient, ChClientError


async def test_aiochclient_writes_and_reads(session, embedded):
    client = ChClient(session, url=embedded.url)
    assert await client.is_alive()
    await client.execute("CREATE TABLE clients (a UInt32, s String) ENGINE = MergeTree ORDER BY a")
    await client.execute("INSERT INTO clients VALUES", (1, "it's"), (2, "y\t"))
    await client.execute("INSERT INTO clients FORMAT JSONEachRow", {"a": 3, "s": "ø"}, json=True)
    rows = [dict(row) for row in await client.fetch("SELECT * FROM clients ORDER BY a")]
    assert rows == [{"a": 1, "s": "it's"}, {"a": 2, "s": "y\t"}, {"a": 3, "s": "ø"}]
    assert await client.fetchval("SELECT sum(a) FROM clients") == 6
    with pytest.raises(ChClientError, match=r"^Code: 60\."):
        await client.fetch("SELECT * FROM none")
    await client.execute("DROP TABLE clients SYNC")


async def test_inserts_and_selects_run_side_by_side(session, embedded, table):
    client = ChClient(session, url=embedded.url)

    async def insert(number):
        rows = b"".join(b'{"a":%d,"s":"x"}\n' % (number * 1000 + k) for k in range(1000))
        params = {"query": f"INSERT INTO {table} FORMAT JSONEachRow"}
        async with session.post(embedded.url, params=params, data=rows) as answer:
            assert answer.status == 200

    reads = [client.fetchval("SELECT sum(number) FROM numbers(100000)") for _ in range(20)]
    results = await asyncio.gather(*(insert(number) for number in range(20)), *reads)
    assert results[20:] == [4999950000] * 20
    assert await client.fetchval(f"SELECT uniqExact(a) FROM {table}") == 20_000
