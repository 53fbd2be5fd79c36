"""ClickHouse's HTTP interface: ping, and statements in and out."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import IO, Final

from aiohttp import web

from openride_stream.embedded.clickhouse import answers
from openride_stream.embedded.clickhouse.engine import Outcome
from openride_stream.embedded.clickhouse.errors import ClickHouseError
from openride_stream.embedded.clickhouse.execution import Execution, RowStream
from openride_stream.embedded.clickhouse.policy import Policy
from openride_stream.embedded.clickhouse.requests import QueryRequest, authenticate, query_id_of, read_query
from openride_stream.embedded.clickhouse.statements import Kind

# An error within the first bytes still gets its status: nothing has been sent yet.
HELD_BYTES: Final = 1024 * 1024
_SPOOL_MEMORY_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Frontend:
    """The handlers; `version` is the engine's."""

    execution: Execution
    policy: Policy
    version: str
    password: str

    def application(self) -> web.Application:
        """The application that serves this interface."""
        app = web.Application(client_max_size=0)
        app.router.add_get("/ping", self.ping)
        app.router.add_get("/replicas_status", self.ping)
        app.router.add_route("*", "/", self.statement)
        return app

    async def ping(self, request: web.Request) -> web.Response:
        """Say that the engine is up."""
        del request
        return web.Response(text="Ok.\n", content_type="text/html", charset="UTF-8")

    async def statement(self, request: web.Request) -> web.StreamResponse:
        """Run one statement."""
        if request.method in {"GET", "HEAD"} and "query" not in request.query:
            return await self.ping(request)
        query_id = query_id_of(request)
        try:
            _refuse_browsers(request)
            authenticate(request, self.password)
            asked = await read_query(request, query_id)
            self.policy.check(asked.statement.tokens)
            return await self._run(request, asked)
        except ClickHouseError as error:
            return answers.error_answer(error, query_id, self.version)

    async def _run(self, request: web.Request, asked: QueryRequest) -> web.StreamResponse:
        query_id, statement = asked.session.query_id, asked.statement
        if statement.kind is Kind.SELECT:
            return await self._select(request, asked)
        if statement.kind is Kind.INSERT:
            outcome = await self.execution.insert(statement, asked.session, asked.row_compression, asked.rows)
            return web.Response(headers=answers.headers(query_id, "", outcome))
        outcome = await self.execution.run(statement, asked.session, asked.default_format)
        return web.Response(
            body=outcome.body, headers=answers.headers(query_id, asked.default_format, outcome)
        )

    async def _select(self, request: web.Request, asked: QueryRequest) -> web.StreamResponse:
        output_format = asked.statement.format or asked.default_format
        selecting = self.execution.select(asked.statement, asked.session, output_format, asked.compression)
        async with selecting as stream:
            if asked.wait_end_of_query:
                return await self._spooled(request, asked, output_format, stream)
            chunks = stream.chunks()
            held = await _hold(chunks)
            if len(held) < HELD_BYTES:
                return await self._send_whole(request, asked, output_format, held, await stream.outcome())
            return await self._send_stream(request, asked, output_format, held, stream, chunks)

    async def _send_whole(
        self, request: web.Request, asked: QueryRequest, output_format: str, body: bytes, outcome: Outcome
    ) -> web.Response:
        del request
        found = self._select_headers(asked, output_format, outcome)
        return web.Response(body=body, headers=found)

    async def _send_stream(
        self,
        request: web.Request,
        asked: QueryRequest,
        output_format: str,
        held: bytes,
        stream: RowStream,
        chunks: AsyncIterator[bytes],
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers=self._select_headers(asked, output_format, None))
        await response.prepare(request)
        await response.write(held)
        async for chunk in chunks:
            await response.write(chunk)
        try:
            await stream.outcome()
        except ClickHouseError as error:
            await self._break_off(request, response, asked, error)
            raise
        await response.write_eof()
        return response

    async def _break_off(
        self, request: web.Request, response: web.StreamResponse, asked: QueryRequest, error: ClickHouseError
    ) -> None:
        """End an answer whose status was sent already: the text, then no proper end of the body."""
        if asked.compression == "none":
            with suppress(ConnectionError):
                await response.write(error.text(self.version).encode())
        if request.transport is not None:
            request.transport.close()

    async def _spooled(
        self, request: web.Request, asked: QueryRequest, output_format: str, stream: RowStream
    ) -> web.StreamResponse:
        """Send only once the end is known; long answers wait in a file."""
        with tempfile.SpooledTemporaryFile(_SPOOL_MEMORY_BYTES) as spool:
            async for chunk in stream.chunks():
                await asyncio.to_thread(spool.write, chunk)
            outcome = await stream.outcome()
            response = web.StreamResponse(headers=self._select_headers(asked, output_format, outcome))
            response.content_length = spool.tell()
            await response.prepare(request)
            spool.seek(0)
            await _copy(spool, response)
            await response.write_eof()
            return response

    def _select_headers(
        self, asked: QueryRequest, output_format: str, outcome: Outcome | None
    ) -> dict[str, str]:
        found = answers.headers(asked.session.query_id, output_format, outcome)
        if asked.compression != "none":
            found["Content-Encoding"] = asked.compression
        return found


def _refuse_browsers(request: web.Request) -> None:
    """A page from elsewhere must not reach a database that has no password: neither directly nor by DNS tricks."""
    if "Origin" in request.headers or not _is_loopback(request.url.host or ""):
        raise ClickHouseError.of(
            "ACCESS_DENIED", "Requests of web pages, or to another host's name, are refused"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def _hold(chunks: AsyncIterator[bytes]) -> bytes:
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        if len(held) >= HELD_BYTES:
            break
    return bytes(held)


async def _copy(spool: IO[bytes], response: web.StreamResponse) -> None:
    while chunk := await asyncio.to_thread(spool.read, HELD_BYTES):
        await response.write(chunk)
