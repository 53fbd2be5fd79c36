"""Answers that are pushed: over a WebSocket, or as server-sent events, once a second at most.

All who ask the same get the same bytes: an answer is made and written down once a second, whoever listens.
A client that takes too long gets the newest answer when it is ready for one, never a queue of old ones; one
that takes nothing for a minute is let go. Nobody has anything to say here: who says much is cut off.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, hdrs, web
from pydantic import BaseModel

from web.audience import Answer, Audience, Listener, Look
from web.context import Context
from web.problems import Problem

Push = Callable[[Context, BaseModel, web.Request], Awaitable[web.StreamResponse]]

_HEARTBEAT_S: Final = 20.0
_GOOD_BYE_WITHIN_S: Final = 1.0
# Some clients say hello, others ping. A message is held whole, so many clients with large ones would be much.
_MESSAGE_BYTES: Final = 1024
_MESSAGES_AT_ONCE: Final = 100
_MESSAGES_PER_S: Final = 1.0
# What the kernel keeps for a slow client is old by the time that it is read.
_KERNEL_BUFFER_BYTES: Final = 16 * 1024
_BEARER: Final = "bearer"
_STREAM_HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}
_COMMENT: Final = b":\n\n"
_TEXT_FRAME: Final = 0x81
_SHORT, _MEDIUM = 126, 1 << 16
STOPPING: Final = web.AppKey("stopping", list[bool])
"""Not empty once the server stops: it waits for those who listen, and they have to be told."""


async def stop_pushing(app: web.Application) -> None:
    """When the server stops: end every push within a second."""
    app[STOPPING].append(True)


def over_websocket(answer: Answer, look: Look) -> Push:
    """Push `answer` as text messages, one JSON object each; once for all whose `look` is one."""
    audience = Audience(answer, look, _as_message)

    async def push(context: Context, query: BaseModel, request: web.Request) -> web.StreamResponse:
        # A browser cannot send Authorization with a WebSocket: the token is the second of its protocols.
        # Not compressed: a thousand clients would each have windows of their own, and a body is small.
        connection = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_S,
            protocols=(_BEARER,),
            compress=False,
            autoping=False,
            max_msg_size=_MESSAGE_BYTES,
            timeout=_GOOD_BYE_WITHIN_S,
        )
        if request.method == hdrs.METH_HEAD or not connection.can_prepare(request):
            raise Problem(426, "this is a WebSocket: ask for an upgrade", headers={"Upgrade": "websocket"})
        if not await _has_begun(connection, request):
            return connection
        if (listener := _listener(context, request)) is None:
            return connection
        reading = asyncio.create_task(_until_closed(connection, listener))
        try:
            with audience.joined(query, listener):
                await asyncio.wait({reading, listener.done}, return_when=asyncio.FIRST_COMPLETED)
            code, why = WSCloseCode.GOING_AWAY, b"the worker stops"
            if _has_expired(context):
                code, why = WSCloseCode.POLICY_VIOLATION, b"the token has expired"
            with suppress(ConnectionError):
                await connection.close(code=code, message=why)
        finally:
            reading.cancel()
        return connection

    return push


def as_server_sent_events(answer: Answer, look: Look) -> Push:
    """Push `answer` as `message` events of an event stream; once for all whose `look` is one."""
    # A proxy gives a stream up that says nothing: a comment a second is read by nobody.
    whole = Audience(answer, look, _as_event, _COMMENT)
    in_chunks = Audience(answer, look, _as_chunk, _chunk(_COMMENT))

    async def push(context: Context, query: BaseModel, request: web.Request) -> web.StreamResponse:
        if request.method == hdrs.METH_HEAD:
            return web.Response(headers=_STREAM_HEADERS)
        response = web.StreamResponse(headers=_STREAM_HEADERS)
        if not await _has_begun(response, request):
            return response
        with suppress(ConnectionError):
            await response.write(b"retry: 2000\n\n")
        if (listener := _listener(context, request)) is not None:
            # To HTTP/1.0 there are no chunks.
            chunked = response.headers.get("Transfer-Encoding") == "chunked"
            with (in_chunks if chunked else whole).joined(query, listener):
                await listener.done
        return response

    return push


async def _has_begun(response: web.StreamResponse, request: web.Request) -> bool:
    """Send the headers; whether anybody was still there."""
    try:
        await response.prepare(request)
    except ConnectionError:
        return False
    return True


def _listener(context: Context, request: web.Request) -> Listener | None:
    """Who asks; None when they have gone."""
    transport = request.transport
    if transport is None:
        return None
    if (connected := transport.get_extra_info("socket")) is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER_BYTES)

    def goes_on() -> bool:
        stops = request.app[STOPPING] or context.current() is None
        return not stops and not _has_expired(context)

    return Listener(context, transport, goes_on)


def _has_expired(context: Context) -> bool:
    caller = context.caller
    return caller is not None and caller.has_expired(context.clock.now_ms())


async def _until_closed(connection: web.WebSocketResponse, listener: Listener) -> None:
    """Read what a client sends, which means nothing, until it closes or says too much; pings are answered."""
    loop = asyncio.get_running_loop()
    heard, since_s = 0, loop.time()
    async for message in connection:
        if message.type is WSMsgType.ERROR:
            return
        heard += 1
        if heard > _MESSAGES_AT_ONCE + (loop.time() - since_s) * _MESSAGES_PER_S:
            # Not closed as a WebSocket is: until it had answered all that it sends would be read.
            listener.cut_off()
            return
        if message.type is WSMsgType.PING:
            await connection.pong(message.data)


def _as_message(body: bytes) -> bytes:
    """A text message of a WebSocket, whole in one frame, not masked (RFC 6455)."""
    length = len(body)
    if length < _SHORT:
        return bytes((_TEXT_FRAME, length)) + body
    if length < _MEDIUM:
        return bytes((_TEXT_FRAME, 126)) + length.to_bytes(2, "big") + body
    return bytes((_TEXT_FRAME, 127)) + length.to_bytes(8, "big") + body


def _as_event(body: bytes) -> bytes:
    return b"data: " + body + b"\n\n"


def _as_chunk(body: bytes) -> bytes:
    return _chunk(_as_event(body))


def _chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)
