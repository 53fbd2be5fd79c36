"""A proxy between workers and ClickHouse's HTTP port that fails on command.

It runs on a thread and an event loop of its own, so that it goes on whatever the tests wait for. Health
(`/ping`) and everything else goes the same way: for a worker the proxy is the store.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Self

import aiohttp
from aiohttp import web

# What a full disk looks like: ClickHouse's code, text and HTTP status.
FULL = (
    "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. "
    "(NOT_ENOUGH_SPACE) (version 26.9.2.1 (official build))"
)
BROKEN = (
    "Code: 49. DB::Exception: Logical error: 'the proxy of the fault harness says so'. (LOGICAL_ERROR) "
    "(version 26.9.2.1 (official build))"
)
MODES = ("well", "500", "full", "slow", "hangs", "accepts and fails", "drops")
SLOW_S = 0.7
_PASSED_ON = ("Content-Type", "X-ClickHouse-Exception-Code", "X-ClickHouse-Format", "X-ClickHouse-Summary")


class FaultyProxy:
    """Forwards to `target` ("http://host:port") unless its mode says otherwise.

    Modes: `500` answers every request with an error; `full` every write with ClickHouse's NOT_ENOUGH_SPACE;
    `slow` waits before it forwards; `hangs` answers nobody and forwards what it holds when the mode ends,
    long after the worker gave up; `accepts and fails` forwards every write and reports a failure all the
    same; `drops` forwards and hangs up.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._mode = "well"
        self._released = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faulty-proxy", daemon=True)
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self.port = 0
        self.failed = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(30)
        return self

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    @contextmanager
    def mode(self, name: str) -> Iterator[None]:
        """Within the block the store is as `name` says."""
        assert name in MODES
        self._turn(name)
        try:
            yield
        finally:
            self._turn("well")

    def _turn(self, name: str) -> None:
        def turn() -> None:
            self._mode = name
            self._released.set()
            self._released = asyncio.Event()

        self._loop.call_soon_threadsafe(turn)

    async def _open(self) -> None:
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=("User-Agent",),
        )
        application = web.Application(client_max_size=1024**3)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        assert self._runner is not None
        assert self._session is not None
        self._released.set()
        await self._runner.cleanup()
        await self._session.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        mode, writes = self._mode, _writes(request, body)
        if mode != "well":
            self.failed += 1
        if mode == "500":
            return web.Response(status=500, text=BROKEN)
        if mode == "full" and writes:
            return web.Response(status=500, text=FULL)
        if mode == "hangs":
            await self._released.wait()
            await self._forward(request, body)
            return _hung_up(request)
        if mode == "slow":
            await asyncio.sleep(SLOW_S)
        answer = await self._forward(request, body)
        if mode == "accepts and fails" and writes:
            return web.Response(status=500, text=BROKEN)
        return _hung_up(request) if mode == "drops" else answer

    async def _forward(self, request: web.Request, body: bytes) -> web.StreamResponse:
        assert self._session is not None
        headers = {
            name: value for name, value in request.headers.items() if name not in ("Host", "Content-Length")
        }
        headers.pop("Transfer-Encoding", None)
        try:
            async with self._session.request(
                request.method, f"{self._target}{request.raw_path}", data=BytesIO(body), headers=headers
            ) as answer:
                passed_on = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
                return web.Response(status=answer.status, body=await answer.read(), headers=passed_on)
        except (aiohttp.ClientError, OSError):  # the store itself is away
            return _hung_up(request)


def _writes(request: web.Request, body: bytes) -> bool:
    statement = request.query.get("query", "").encode() or body[:64]
    return statement.lstrip()[:6].upper() == b"INSERT"


def _hung_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=502)
