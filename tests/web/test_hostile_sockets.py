"""Clients of the push that mean no good, or are no good: each of them alone bears it."""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import SystemClock
from openride_stream.settings import Settings
from tests.fixtures.clock import ManualClock
from tests.fixtures.web import Site, open_site
from web import audience, runner

WS, SSE = "/v1/metrics/realtime/ws", "/v1/metrics/realtime/sse"
DEADLINE_S = 20.0
UPGRADE = (
    f"GET {WS} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
).encode()
STREAM = f"GET {SSE} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
SMALL = bytes((0x81, 0x81, 0, 0, 0, 0)) + b"a"
PING = bytes((0x89, 0x82, 0, 0, 0, 0)) + b"hi"


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "_INTERVAL_S", 0.02)


def frame_of(length: int) -> bytes:
    """The head of a masked binary frame."""
    return bytes((0x82, 0xFF)) + struct.pack(">Q", length) + bytes(4)


class Socket:
    """A client that sends bytes as they are, and reads when it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, site: Site, first: bytes) -> "Socket":
        server = site.client.server
        found = cls(*await asyncio.open_connection(server.host, server.port, limit=1024))
        found.send(first)
        return found

    def send(self, some: bytes) -> None:
        self._writer.write(some)

    async def until(self, text: bytes) -> bytes:
        """What comes up to and with some bytes."""
        found = b""
        async with asyncio.timeout(DEADLINE_S):
            while text not in found:
                piece = await self._reader.read(1024)
                assert piece, f"cut off before {text!r}: {found[-300:]!r}"
                found += piece
        return found

    async def is_cut_off(self) -> None:
        """Wait until the server has gone."""
        async with asyncio.timeout(DEADLINE_S):
            try:
                while await self._reader.read(1024):
                    pass
            except ConnectionError:
                pass
        self._writer.transport.abort()

    def drop(self) -> None:
        """Go at once, without a word."""
        connected = self._writer.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


@asynccontextmanager
async def listening(site: Site) -> AsyncIterator[asyncio.Event]:
    """Somebody who just listens; set whenever an answer has come."""
    heard = asyncio.Event()

    async def listen() -> None:
        async with site.client.ws_connect(WS) as pushed:
            async for message in pushed:
                assert message.type is WSMsgType.TEXT
                heard.set()

    task = asyncio.create_task(listen())
    try:
        yield heard
        assert not task.done(), "who just listens was sent away"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_who_says_much_is_cut_off_and_who_listens_is_told_on(
    bare_site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(bare_site) as heard:
        polite = await Socket.open(bare_site, UPGRADE)
        polite.send(SMALL * 20 + PING)
        await polite.until(b"\x8a\x02hi")
        for hostile in (
            frame_of(4_000_000) + bytes(3_000_000),
            frame_of(2**62) + bytes(100_000),
            SMALL * 50_000,
            PING * 20_000,
            os.urandom(100_000),
        ):
            client = await Socket.open(bare_site, UPGRADE)
            await client.until(b"101 Switching Protocols")
            client.send(hostile)
            await client.is_cut_off()
        for first in (UPGRADE, STREAM, b"GET / HTTP/1.1\r\nHost:", b""):
            for _ in range(20):
                (await Socket.open(bare_site, first)).drop()
        await bare_site.get("/health/live")
        heard.clear()
        async with asyncio.timeout(DEADLINE_S):
            await heard.wait()
        polite.drop()
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_who_is_refused_an_upgrade_or_asks_nothing_is_let_go(
    bare_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = await Socket.open(bare_site, UPGRADE.replace(b" HTTP", b"?currency=naira HTTP", 1))
    refused.send(frame_of(4_000_000) + bytes(1_000_000))
    await refused.is_cut_off()
    monkeypatch.setattr(runner, "_FIRST_REQUEST_WITHIN_S", 0.2)
    for begun in (b"", b"GET /v1/metrics/realtime/ws HTTP/1.1\r\nHost:"):
        await (await Socket.open(bare_site, begun)).is_cut_off()
    asks = await Socket.open(bare_site, STREAM)
    for _ in range(20):  # for longer than that
        await asks.until(b"data:")
    asks.drop()


async def test_a_server_stops_at_once_whoever_does_not_answer(settings: Settings, clock: ManualClock) -> None:
    store = ClickHouse.open(settings)
    clients: list[Socket] = []
    async with open_site(settings, store, clock) as site:
        for first in (UPGRADE, STREAM) * 25:
            clients.append(await Socket.open(site, first))
            await clients[-1].until(b"active_users")
        begun_s = SystemClock().monotonic_s()
    assert SystemClock().monotonic_s() - begun_s < 4
    for client in clients:
        client.drop()
    await store.close()
