"""What is no HTTP request is refused by a problem document; who goes away is worked for no more."""

import asyncio
import json

import orjson
import pytest
from faust.web.drivers.aiohttp import Web

from openride_stream.app import create_app
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.settings import Settings
from tables.live import LiveTables
from tests.fixtures.store import until_running
from tests.fixtures.web import Site, StartSite
from web import register
from web.context import Context
from web.endpoint import Endpoint, Reply
from web.runner import Runner

DEADLINE_S = 20
HOST = b"\r\nHost: 127.0.0.1\r\n\r\n"


async def sent(site: Site, raw: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer to these bytes; the server closes."""
    server = site.client.server
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(raw)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        return head, body


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"hello\r\n\r\n",
        b"G<script>T / HTTP/1.1" + HOST,
        b"GET /\xff\xfe HTTP/1.1" + HOST,
        b"GET / HTTP/9.9" + HOST,
        b"GET /" + b"a" * 9000 + b" HTTP/1.1" + HOST,
        b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + HOST,
        b"GET / HTTP/1.1\r\nContent-Length: a" + HOST,
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked" + HOST,
    ],
)
async def test_what_is_no_request_is_a_problem_document(bare_site: Site, raw: bytes) -> None:
    head, body = await sent(bare_site, raw)
    assert head.partition(b"\r\n")[0] == b"HTTP/1.0 400 Bad Request"
    assert b"application/problem+json" in head
    assert b"aiohttp" not in head
    document = json.loads(body)
    assert (document["status"], document["type"]) == (400, "about:blank")
    assert "script" not in document["detail"]
    await bare_site.get("/health/live")


@pytest.mark.parametrize("path", [b"/health/live", b"/v1/metrics/trips", b"/nothing"])
async def test_what_is_expected_and_not_known_is_a_problem_document(bare_site: Site, path: bytes) -> None:
    head, body = await sent(
        bare_site, b"GET " + path + b" HTTP/1.1\r\nConnection: close\r\nExpect: <b>tea</b>" + HOST
    )
    assert head.partition(b"\r\n")[0] == b"HTTP/1.1 417 Expectation Failed"
    assert b"application/problem+json" in head
    assert b"nosniff" in head
    document = json.loads(body)
    assert (document["status"], document["instance"]) == (417, path.decode())
    assert "tea" not in document["detail"]


async def test_who_goes_away_is_worked_for_no_more(start_site: StartSite, bare_site: Site) -> None:
    began, stopped = asyncio.Event(), asyncio.Event()

    async def forever(context: Context, query: object) -> dict[str, str]:
        del context, query
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return {}

    site = await start_site(bare_site.runtime.store, [Endpoint("GET", "/long", None, "Takes long.", forever)])
    async with asyncio.timeout(DEADLINE_S):
        asking = asyncio.create_task(site.get("/long"))
        await began.wait()
        asking.cancel()
        await stopped.wait()


async def test_who_goes_away_uses_the_store_no_more(start_site: StartSite, store: ClickHouse) -> None:
    heavy = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number), 'of who left')"

    async def long(context: Context, query: object) -> Reply:
        del query

        async def compute() -> bytes:
            return orjson.dumps(await context.runtime.store.select(heavy, timeout_s=600))

        return Reply(await context.runtime.cache.get_or_compute("long", 60, compute))

    site = await start_site(store, [Endpoint("GET", "/long", None, "Takes long.", long)])
    async with asyncio.timeout(DEADLINE_S):
        asking = asyncio.create_task(site.get("/long"))
        await until_running(store, "of who left", 1)
        asking.cancel()
        await until_running(store, "of who left", 0)


async def test_who_leaves_a_query_of_their_own_behind_ends_it_in_the_store(site: Site) -> None:
    many = "(SELECT arrayJoin(range(1000000)) AS {0}) AS t{0}"
    query = f"SELECT count() AS n FROM {many.format('a')} CROSS JOIN {many.format('b')}"
    query += " WHERE concat(toString(a), toString(b)) = 'of who leaves their query'"
    async with asyncio.timeout(DEADLINE_S):
        asking = asyncio.create_task(site.get("/v1/exports/quick/csv", query=query))
        await until_running(site.runtime.store, "of who leaves their query", 1)
        asking.cancel()
        await until_running(site.runtime.store, "of who leaves their query", 0)
    assert asking.cancelled() or isinstance(asking.exception(), asyncio.CancelledError)


def test_a_worker_runs_it_so() -> None:
    app = create_app(Settings(_env_file=None, pii_key="k"))
    register(app, LiveTables(app.settings))
    assert isinstance(app.web, Web)
    assert isinstance(app.web._runner, Runner)
    assert app.web._runner._kwargs["handler_cancellation"]
    assert app.web._runner._kwargs["access_log"] is None
