"""The answer to a SELECT: whole when it is short, as a stream when it is long."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import IO, Final

from aiohttp import web

from openride_stream.embedded.clickhouse import answers
from openride_stream.embedded.clickhouse.errors import ClickHouseError
from openride_stream.embedded.clickhouse.execution import Execution, RowStream
from openride_stream.embedded.clickhouse.requests import QueryRequest

# An error within the first bytes still gets its status: nothing has been sent yet.
HELD_BYTES: Final = 1024 * 1024
_SPOOL_MEMORY_BYTES: Final = 8 * 1024 * 1024


async def answer_select(
    request: web.Request, asked: QueryRequest, execution: Execution, version: str
) -> web.StreamResponse:
    """Run the SELECT and send its rows.

    Raises:
        ClickHouseError: it failed before anything was sent.
    """
    output_format = asked.statement.format or asked.default_format
    found = answers.headers(asked.session.query_id, output_format, asked.compression)
    running = execution.select(asked.statement, asked.session, output_format, asked.compression)
    async with running as stream:
        chunks = stream.chunks()
        held = await _hold(chunks)
        if len(held) < HELD_BYTES:
            return web.Response(body=held, headers=answers.summed(found, await stream.outcome()))
        if asked.wait_end_of_query:
            return await _send_spooled(request, found, stream, held, chunks)
        response = web.StreamResponse(headers=found)
        await response.prepare(request)
        await response.write(held)
        async for chunk in chunks:
            await response.write(chunk)
        return await _end(request, response, stream, version)


async def _hold(chunks: AsyncIterator[bytes]) -> bytes:
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        if len(held) >= HELD_BYTES:
            break
    return bytes(held)


async def _end(
    request: web.Request, response: web.StreamResponse, stream: RowStream, version: str
) -> web.StreamResponse:
    """End the body properly, or, when the statement failed after its status was sent, so that it shows."""
    try:
        await stream.outcome()
    except ClickHouseError as error:
        if "Content-Encoding" not in response.headers:
            with suppress(ConnectionError):
                await response.write(error.text(version).encode())
        # Without the last chunk, every client reports an incomplete answer.
        if request.transport is not None:
            request.transport.close()
        return response
    await response.write_eof()
    return response


async def _send_spooled(
    request: web.Request, found: dict[str, str], stream: RowStream, held: bytes, chunks: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Send only once the end is known; long answers wait in a file."""
    with tempfile.SpooledTemporaryFile(_SPOOL_MEMORY_BYTES) as spool:
        spool.write(held)
        async for chunk in chunks:
            await asyncio.to_thread(spool.write, chunk)
        response = web.StreamResponse(headers=answers.summed(found, await stream.outcome()))
        response.content_length = spool.tell()
        await response.prepare(request)
        spool.seek(0)
        await _copy(spool, response)
        await response.write_eof()
        return response


async def _copy(spool: IO[bytes], response: web.StreamResponse) -> None:
    while chunk := await asyncio.to_thread(spool.read, HELD_BYTES):
        await response.write(chunk)
