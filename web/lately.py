"""Answers from the live tables: each asked for once at a time and good for a moment, since many may watch."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final, Generic, TypeVar

from openride_stream.clock import rfc3339
from web.context import Context
from web.system_health import SystemHealth, system_health

FRESH_S: Final = 0.25

Body = dict[str, Any]
Query = TypeVar("Query")


class Lately(Generic[Query]):
    """The last answers, by what `key` says of a question; `make` makes one, which is good for `fresh_s`."""

    def __init__(
        self,
        key: Callable[[Context, Query], Hashable],
        make: Callable[[Context, Query], Awaitable[Body]],
        fresh_s: float = FRESH_S,
    ) -> None:
        self._fresh_s = fresh_s
        self._key = key
        self._make = make
        self._answers: dict[Hashable, tuple[float, Body]] = {}
        self._lock = asyncio.Lock()

    async def answer(self, context: Context, query: Query) -> Body:
        """An answer that is at most `fresh_s` old."""
        key = self._key(context, query)
        async with self._lock:
            clock = context.runtime.clock
            made_s, answer = self._answers.get(key, (float("-inf"), {}))
            if clock.monotonic_s() - made_s < self._fresh_s:
                return answer
            answer = await self._make(context, query)
            # As old as it is when it is there: those who wait for it take it as well.
            now_s = clock.monotonic_s()
            fresh = {asked: kept for asked, kept in self._answers.items() if now_s - kept[0] < self._fresh_s}
            self._answers = fresh | {key: (now_s, answer)}
            return answer


async def moment(context: Context) -> tuple[int, Body, SystemHealth]:
    """The clock (ms since the epoch), what every live answer says of it, and how the system is doing."""
    runtime = context.runtime
    health = await system_health(context, runtime)
    now_ms = runtime.clock.now_ms()
    as_of_ms = context.live.as_of_ms
    as_of = None if as_of_ms is None else rfc3339(as_of_ms)
    return now_ms, {"timestamp": rfc3339(now_ms), "as_of": as_of}, health
