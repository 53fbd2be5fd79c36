"""Answers that are pushed: over a WebSocket, or as server-sent events, once a second at most.

A client that takes too long gets the newest answer when it is ready for one, never a queue of old ones; one
that takes nothing for a minute is let go.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import orjson
from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import BaseModel

from openride_stream.errors import Transient
from web.context import Context
from web.problems import Problem

Answer = Callable[[Context, Any], Awaitable[dict[str, Any]]]
Push = Callable[[Context, BaseModel, web.Request], Awaitable[web.StreamResponse]]

_INTERVAL_S: Final = 1.0
_HEARTBEAT_S: Final = 20.0
_TAKES_NOTHING_S: Final = 60.0
# What the kernel keeps for a slow client is old by the time that it is read.
_KERNEL_BUFFER_BYTES: Final = 16 * 1024
_BEARER: Final = "bearer"
_STREAM_HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}
STOPPING: Final = web.AppKey("stopping", list[bool])
"""Not empty once the server stops: it waits for those who listen, and they have to be told."""


async def stop_pushing(app: web.Application) -> None:
    """When the server stops: end every push within a second."""
    app[STOPPING].append(True)


def over_websocket(answer: Answer) -> Push:
    """Push `answer` as text messages, one JSON object each."""

    async def push(context: Context, query: BaseModel, request: web.Request) -> web.StreamResponse:
        # A browser cannot send Authorization with a WebSocket: the token is the second of its protocols.
        connection = web.WebSocketResponse(heartbeat=_HEARTBEAT_S, protocols=(_BEARER,))
        if not connection.can_prepare(request):
            raise Problem(426, "this is a WebSocket: ask for an upgrade", headers={"Upgrade": "websocket"})
        await connection.prepare(request)
        listening = asyncio.create_task(_until_closed(connection))
        try:
            async for body in _updates(answer, context, query, request, listening):
                await connection.send_str(body.decode())
            await connection.close(code=WSCloseCode.GOING_AWAY, message=b"the worker stops")
        except ConnectionError:
            pass  # it has gone
        finally:
            listening.cancel()
        return connection

    return push


def as_server_sent_events(answer: Answer) -> Push:
    """Push `answer` as `message` events of an event stream."""

    async def push(context: Context, query: BaseModel, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=_STREAM_HEADERS)
        await response.prepare(request)
        with suppress(ConnectionError):
            await response.write(b"retry: 2000\n\n")
            async for body in _updates(answer, context, query, request):
                await response.write(b"data: " + body + b"\n\n")
        return response

    return push


async def _updates(
    answer: Answer,
    context: Context,
    query: BaseModel,
    request: web.Request,
    closed: "asyncio.Task[None] | None" = None,
) -> AsyncIterator[bytes]:
    """The newest answer, again and again, until the client or the worker goes."""
    transport = request.transport
    if transport is None:
        return
    if (connected := transport.get_extra_info("socket")) is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER_BYTES)
    slow_ticks = 0
    while not request.app[STOPPING] and context.current() is not None and not transport.is_closing():
        if transport.get_write_buffer_size():
            slow_ticks += 1
            if slow_ticks * _INTERVAL_S >= _TAKES_NOTHING_S:
                transport.abort()
                return
        else:
            slow_ticks = 0
            try:
                yield orjson.dumps(await answer(context, query))
            except Transient:
                pass  # the next answer is a second away
            except Problem:
                return  # the worker stops
        if closed is None:
            await asyncio.sleep(_INTERVAL_S)
        else:
            done, _ = await asyncio.wait({closed}, timeout=_INTERVAL_S)
            if done:
                return


async def _until_closed(connection: web.WebSocketResponse) -> None:
    """Read what a client sends, which means nothing, until it closes; this answers its pings as well."""
    async for message in connection:
        if message.type is WSMsgType.ERROR:
            return
