"""Who may run a statement now, who waits, and who is sent away."""

import asyncio
from contextlib import suppress

from openride_stream.embedded.clickhouse.errors import ClickHouseError, Code


class Admission:
    """A bounded number of running statements with a bounded queue before it.

    Args:
        running_limit: statements that run at once.
        waiting_limit: statements that may wait; one more is refused at once.
        patience_s: how long one waits before it is refused.
    """

    def __init__(self, running_limit: int, waiting_limit: int, patience_s: float) -> None:
        self.running_limit = running_limit
        self._waiting_limit = waiting_limit
        self._patience_s = patience_s
        self._slots = asyncio.Semaphore(running_limit)
        self._ids: set[str] = set()
        self._waiting = 0
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    def running(self) -> frozenset[str]:
        """Ids of the running statements."""
        return frozenset(self._ids)

    async def enter(self, query_id: str) -> None:
        """Take a slot; `leave` gives it back.

        Raises:
            ClickHouseError: overloaded, stopping, or a statement of this id is running.
        """
        self._check(query_id)
        await self._take_slot()
        try:
            self._check(query_id)
        except ClickHouseError:
            self._slots.release()
            raise
        self._ids.add(query_id)
        self._idle.clear()

    def leave(self, query_id: str) -> None:
        """Give the slot back."""
        self._ids.discard(query_id)
        self._slots.release()
        if not self._ids:
            self._idle.set()

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed = True

    async def drained(self, timeout_s: float) -> bool:
        """Whether nothing was running any more within this time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        return self._idle.is_set()

    async def _take_slot(self) -> None:
        if self._slots.locked() and self._waiting >= self._waiting_limit:
            raise self._overloaded()
        self._waiting += 1
        try:
            await asyncio.wait_for(self._slots.acquire(), self._patience_s)
        except TimeoutError:
            raise self._overloaded() from None
        finally:
            self._waiting -= 1

    def _check(self, query_id: str) -> None:
        if self._closed:
            msg = "The server is stopping"
            raise ClickHouseError(Code.TOO_MANY_SIMULTANEOUS_QUERIES, msg)
        if query_id in self._ids:
            msg = f"Query with id = {query_id} is already running."
            raise ClickHouseError(Code.QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING, msg)

    def _overloaded(self) -> ClickHouseError:
        msg = f"Too many simultaneous queries. Maximum: {self.running_limit}, waiting: {self._waiting}"
        return ClickHouseError(Code.TOO_MANY_SIMULTANEOUS_QUERIES, msg)
