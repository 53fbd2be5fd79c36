"""One computation for all who ask for the same thing at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(slots=True)
class _Flight:
    task: asyncio.Task[bytes]
    waiting: int = 0


class SingleFlight:
    """Computations in progress, by key.

    A caller who goes away (a closed connection) leaves the computation to the others; when the last one
    has gone it is cancelled, since nobody would read it.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight] = {}

    def is_flying(self, key: str) -> bool:
        """Whether a call of `run` with `key` would join one in progress."""
        return key in self._flights

    async def run(self, key: str, compute: Callable[[], Awaitable[bytes]]) -> bytes:
        """The result of `compute`, or of the computation with the same `key` that is already running."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(self._fly(key, compute)))
        flight.waiting += 1
        try:
            # Shielded: the caller's cancellation must not reach a task that others wait for.
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if flight.waiting == 0 and not flight.task.done():
                # Out of the table first: who asks from now on starts anew instead of joining a dying one.
                self._leave(key, flight.task)
                flight.task.cancel()

    async def _fly(self, key: str, compute: Callable[[], Awaitable[bytes]]) -> bytes:
        task = asyncio.current_task()
        try:
            return await compute()
        finally:
            self._leave(key, task)

    def _leave(self, key: str, task: asyncio.Task[bytes] | None) -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:
            del self._flights[key]
