import aiohttp
from aiochclient import ChClient


async def test_aiochclient_writes_and_reads(clickhouse_url):
    async with aiohttp.ClientSession() as session:
        client = ChClient(session, url=clickhouse_url)
        assert await client.is_alive()
        await client.execute("CREATE DATABASE IF NOT EXISTS first")
        await client.execute("CREATE TABLE first.t (a UInt32, s String) ENGINE = MergeTree ORDER BY a")
        await client.execute("INSERT INTO first.t VALUES", (1, "x"), (2, "y"))
        assert [dict(row) for row in await client.fetch("SELECT * FROM first.t ORDER BY a")] == [
            {"a": 1, "s": "x"},
            {"a": 2, "s": "y"},
        ]
        await client.execute("DROP DATABASE first")
