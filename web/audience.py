"""Who listens to one answer: once a second it is made, written down once, and given to each who is ready."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson
from pydantic import BaseModel

from openride_stream.errors import Transient
from web.context import Context
from web.problems import Problem

Answer = Callable[[Context, Any], Awaitable[dict[str, Any]]]
Look = Callable[[Context, Any], Hashable]

logger = logging.getLogger(__name__)

_INTERVAL_S: Final = 1.0
# A tick may come a little early.
_ALMOST: Final = 0.9
_TAKES_NOTHING_S: Final = 60.0
# Others want the event loop between so many clients.
_AT_ONCE: Final = 50


class Listener:
    """One client; `done` is set when it is not to get any more."""

    def __init__(self, context: Context, transport: asyncio.Transport, goes_on: Callable[[], bool]) -> None:
        self.context = context
        self._goes_on = goes_on
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport = transport
        self._slow_ticks, self._told_s = 0, float("-inf")

    def offer(self, body: bytes, made_s: float) -> None:
        """Give it the newest answer, if it has taken the one before and that was made a second earlier."""
        if self.is_gone() or made_s - self._told_s < _INTERVAL_S * _ALMOST:
            return
        if not self._transport.get_write_buffer_size():
            self._slow_ticks, self._told_s = 0, made_s
            self._transport.write(body)
        else:
            self._slow_ticks += 1
            if self._slow_ticks * _INTERVAL_S >= _TAKES_NOTHING_S:
                self.cut_off()

    def is_gone(self) -> bool:
        """Whether nobody is there any more, or may be told; `done` is set then."""
        if self._transport.is_closing() or not self._goes_on():
            self.end()
        return self.done.done()

    def cut_off(self) -> None:
        """Drop the connection, whatever was still to be said."""
        self._transport.abort()
        self.end()

    def end(self) -> None:
        """It gets no more."""
        if not self.done.done():
            self.done.set_result(None)


class Audience:
    """All who listen to one endpoint.

    `look` says which questions have one answer now: it is made once for all who ask them. `written` makes
    bytes for the wire of an answer; `nothing` says that there is none, where that is said.
    """

    def __init__(
        self, answer: Answer, look: Look, written: Callable[[bytes], bytes], nothing: bytes = b""
    ) -> None:
        self._answer = answer
        self._look = look
        self._written = written
        self._nothing = nothing
        self._listeners: dict[Listener, BaseModel] = {}
        self._telling: asyncio.Task[None] | None = None

    @contextmanager
    def joined(self, query: BaseModel, listener: Listener) -> Iterator[None]:
        """Have `listener` be told the answer to `query` meanwhile: at once, and then each second."""
        self._listeners[listener] = query
        first = asyncio.create_task(self._tell([listener]))
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell_all())
        try:
            yield
        finally:
            first.cancel()
            listener.end()
            del self._listeners[listener]
            if not self._listeners:
                self._telling.cancel()
                self._telling = None

    async def _tell_all(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            # What the telling took is part of the second.
            due_s = max(due_s + _INTERVAL_S, loop.time())
            await asyncio.sleep(due_s - loop.time())
            await self._tell([*self._listeners])

    async def _tell(self, listeners: list[Listener]) -> None:
        made_s = asyncio.get_running_loop().time()
        looks: dict[Hashable, tuple[BaseModel, list[Listener]]] = {}
        for listener in listeners:
            if listener.is_gone():
                continue
            query = self._listeners[listener]
            try:
                look = self._look(listener.context, query)
            except Exception:
                logger.exception("An answer that is pushed failed")
                listener.end()
            else:
                looks.setdefault(look, (query, []))[1].append(listener)
        for query, there in looks.values():
            await self._tell_same(query, there, made_s)
            await asyncio.sleep(0)

    async def _tell_same(self, query: BaseModel, there: list[Listener], made_s: float) -> None:
        body = await self._body(query, there[0])
        if body is None:
            for listener in there:
                listener.end()
        elif body:
            for place, listener in enumerate(there):
                if place % _AT_ONCE == _AT_ONCE - 1:
                    await asyncio.sleep(0)
                listener.offer(body, made_s)

    async def _body(self, query: BaseModel, of: Listener) -> bytes | None:
        """The answer as it is sent; `nothing` while there is none, None when there will be none any more."""
        try:
            return self._written(orjson.dumps(await self._answer(of.context, query)))
        except Transient:
            return self._nothing  # the next answer is a second away
        except Problem:
            return None  # the worker stops
        except Exception:
            logger.exception("An answer that is pushed failed")
            return None
