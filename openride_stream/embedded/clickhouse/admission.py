"""Who may run a statement now, who waits, and who is sent away."""

import asyncio
from contextlib import suppress

from openride_stream.embedded.clickhouse.errors import ClickHouseError


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
        self._idle = asyncio.Event()
        self._idle.set()

    def running(self) -> frozenset[str]:
        """Ids of the running statements."""
        return frozenset(self._ids)

    async def enter(self, query_id: str) -> None:
        """Take a slot; `leave` gives it back.

        Raises:
            ClickHouseError: overloaded, or a statement of this id is running.
        """
        self._refuse_twin(query_id)
        await self._take_slot()
        try:
            self._refuse_twin(query_id)
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

    async def drained(self, timeout_s: float) -> bool:
        """Whether nothing was running any more within this time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        return self._idle.is_set()

    async def _take_slot(self) -> None:
        if self._slots.locked() and self._waiting >= self._waiting_limit:
            raise _overloaded(self.running_limit)
        self._waiting += 1
        try:
            await asyncio.wait_for(self._slots.acquire(), self._patience_s)
        except TimeoutError:
            raise _overloaded(self.running_limit) from None
        finally:
            self._waiting -= 1

    def _refuse_twin(self, query_id: str) -> None:
        if query_id in self._ids:
            name, text = (
                "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
                f"Query with id = {query_id} is already running.",
            )
            raise ClickHouseError.of(name, text)


def _overloaded(limit: int) -> ClickHouseError:
    return ClickHouseError.of(
        "TOO_MANY_SIMULTANEOUS_QUERIES",
        f"Too many simultaneous queries. Maximum: {limit}, and the queue is full",
    )
