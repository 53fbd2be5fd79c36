"""A proxy that makes ClickHouse take no more than so many rows a second, as a store that is too small."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from aiohttp import web

from openride_stream.embedded.ports import LOOPBACK

_PASSED_ON: Final = (
    "Content-Type",
    "X-ClickHouse-Exception-Code",
    "X-ClickHouse-Format",
    "X-ClickHouse-Summary",
)
_LARGEST_BODY_BYTES: Final = 1 << 30


class Throttle:
    """Answers an insert when its rows would have been stored at `rows_per_s`; 0 lets everything through."""

    def __init__(self, target: str, session: aiohttp.ClientSession) -> None:
        self.rows_per_s = 0.0
        self._target = target
        self._session = session
        self._busy_until_s = 0.0

    async def answer(self, request: web.Request) -> web.Response:
        """Pass one request on."""
        body = await request.read()
        headers = {"Content-Type": request.content_type}
        async with self._session.request(
            request.method, f"{self._target}{request.raw_path}", data=body, headers=headers
        ) as answer:
            passed_on = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
            response = web.Response(status=answer.status, body=await answer.read(), headers=passed_on)
        await self._wait(json.loads(passed_on.get("X-ClickHouse-Summary", "{}")))
        return response

    async def _wait(self, summary: dict[str, str]) -> None:
        if self.rows_per_s:
            now_s = time.monotonic()
            took_s = int(summary.get("written_rows", 0)) / self.rows_per_s
            self._busy_until_s = max(now_s, self._busy_until_s) + took_s
            await asyncio.sleep(self._busy_until_s - now_s)


@asynccontextmanager
async def throttled(target: str) -> AsyncIterator[tuple[Throttle, str]]:
    """A throttle before `target` ("http://host:port"), and its own URL."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        throttle = Throttle(target, session)
        application = web.Application(client_max_size=_LARGEST_BODY_BYTES)
        application.router.add_route("*", "/{path:.*}", throttle.answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, LOOPBACK, 0)
            await site.start()
            yield throttle, f"http://{LOOPBACK}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
