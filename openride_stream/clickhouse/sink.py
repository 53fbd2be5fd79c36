"""The sink: rows of all agents, coalesced by table, made durable, then acknowledged.

A flush inserts every waiting row, then marks the days that it touched, then tells each delivery that it is
durable. In that order: a mark promises that the rows are there, an ack promises that the marks are. What
fails in between was not acked and comes again; rows are idempotent by event_id and marks only grow. A table
that takes long, or is in trouble, is left behind: it is marked and acknowledged by itself when it is done.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.deliveries import Delivery
from openride_stream.clickhouse.native import Layout
from openride_stream.clickhouse.refusals import Place
from openride_stream.clickhouse.troubles import Held
from openride_stream.clickhouse.writing import Writer
from openride_stream.clock import Clock
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings

_FLUSHES_AT_ONCE: Final = 2
"""The largest table of a flush takes its time while the others are done: the next flush uses that."""

_LEFT_BEHIND_AFTER_S: Final = 2.0

_WITH_THE_HELD: Final = 3
"""So many times its limits all that is in flight may take, with the rows of tables that are held."""


class Sink:
    """Bounded buffer and flush loop in front of ClickHouse. Used on one event loop."""

    def __init__(self, store: ClickHouse, settings: Settings, metrics: Metrics, clock: Clock) -> None:
        self._writer = Writer(store, settings, metrics, clock, self._without_the_held)
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._tasks = asyncio.TaskGroup()
        self._waiting: dict[str, list[Delivery]] = {}
        self._waiting_rows = 0
        self._waiting_since_s = 0.0
        self._late: Counter[str] = Counter()
        self._writing: dict[asyncio.Task[None], float] = {}
        self._unacked_rows: Counter[str] = Counter()
        self._unacked_bytes: Counter[str] = Counter()
        self._flush_wanted = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._flushed = asyncio.Event()

    @property
    def available(self) -> bool:
        """Whether the store takes the rows of every table, as far as was tried."""
        return not self._writer.last_error

    @property
    def last_error(self) -> str:
        """Why it does not; empty when it does."""
        return self._writer.last_error

    @property
    def writing_s(self) -> float:
        """How long the insert has been under way that began first, in seconds; 0 when none is."""
        first_s = min(self._writing.values(), default=None)
        return 0.0 if first_s is None else self._clock.monotonic_s() - first_s

    def held(self, table: str) -> Held | None:
        """Why rows of `table` wait although the store takes others; None when they need not wait."""
        return self._writer.held(table)

    def let_refused(self, table: str, place: Place, until: int) -> None:
        """Let what the store refuses of `table` be dead-lettered, read from `place` before `until`."""
        self._writer.let_refused(table, place, until)

    @property
    def away(self) -> bool:
        """Whether rows wait of a table that is not held: that the store takes none, as far as was tried."""
        return self._writer.away

    async def layout(self, table: str) -> Layout | None:
        """How rows of `table` are written; asked for as long as it takes, None when the table is held."""
        return await self._writer.layout(table)

    async def write(self, delivery: Delivery) -> None:
        """Queue one delivery; waits while too much is in flight (that is the back-pressure)."""
        while not self._has_room():
            self._room.clear()
            self._flush_wanted.set()
            await self._room.wait()
        if not self._ready():
            self._waiting_since_s = self._clock.monotonic_s()
        self._waiting.setdefault(delivery.table, []).append(delivery)
        self._count(delivery, 1)
        if not self._late[delivery.table]:
            self._waiting_rows += delivery.rows
        if self._waiting_rows >= self._settings.flush_rows:
            self._flush_wanted.set()

    async def drain(self, timeout_s: float) -> bool:
        """Flush everything now, but not wait for tables that are held.

        Returns:
            False when other rows were still in flight after `timeout_s`.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self._moving(self._unacked_rows):
                    # Agents may still write: each flush asks for the next until nothing is left.
                    self._flushed.clear()
                    self._flush_wanted.set()
                    await self._flushed.wait()
        except TimeoutError:
            return not self._moving(self._unacked_rows)
        return True

    async def run(self) -> None:
        """Flush until cancelled: at `flush_rows` rows or `flush_interval_ms`, whichever is first."""
        slots = asyncio.Semaphore(_FLUSHES_AT_ONCE)
        async with self._tasks:
            while True:
                await slots.acquire()
                await self._until_due()
                flushing = self._tasks.create_task(self._flush())
                flushing.add_done_callback(lambda _: slots.release())
                # It takes what waits as soon as it runs; until then that would be due still.
                await asyncio.sleep(0)

    async def _until_due(self) -> None:
        interval_s = self._settings.flush_interval_ms / 1000
        while True:
            remaining_s = interval_s
            if self._ready():
                remaining_s = self._waiting_since_s + interval_s - self._clock.monotonic_s()
            woken = await self._woken_within(max(remaining_s, 0.001))
            due = self._clock.monotonic_s() - self._waiting_since_s >= interval_s
            if self._ready() and (woken or due):
                return

    async def _woken_within(self, wait_s: float) -> bool:
        try:
            async with asyncio.timeout(wait_s):
                await self._flush_wanted.wait()
        except TimeoutError:
            return False
        self._flush_wanted.clear()
        return True

    def _ready(self) -> bool:
        """Whether rows wait that a flush would take."""
        return any(not self._late[table] for table in self._waiting)

    def _moving(self, unacked: Counter[str]) -> int:
        """What is in flight of tables that are not held."""
        return sum(count for table, count in unacked.items() if not self.held(table))

    def _has_room(self) -> bool:
        # One delivery is always let through, however large it is.
        limits = (
            (self._unacked_rows, self._settings.unacked_rows_limit),
            (self._unacked_bytes, self._settings.unacked_bytes_limit),
        )
        return not self._moving(self._unacked_rows) or all(
            self._moving(unacked) < limit and unacked.total() < _WITH_THE_HELD * limit
            for unacked, limit in limits
        )

    def _without_the_held(self) -> None:
        """A table is held from now on: who waits for its rows need not any more."""
        self._room.set()
        self._flushed.set()

    def _count(self, delivery: Delivery, sign: int) -> None:
        self._unacked_rows[delivery.table] += sign * delivery.rows
        self._unacked_bytes[delivery.table] += sign * delivery.size_bytes
        self._metrics.unacked_rows.set(self._unacked_rows.total())

    def _take(self) -> dict[str, list[Delivery]]:
        taken = {table: waiting for table, waiting in self._waiting.items() if not self._late[table]}
        for table in taken:
            del self._waiting[table]
        self._waiting_rows = 0
        return taken

    async def _flush(self) -> None:
        taken = self._take()
        if not taken:  # the last table that was ready has been left behind meanwhile
            return
        writing = {
            self._tasks.create_task(self._writer.write(table, deliveries)): table
            for table, deliveries in taken.items()
        }
        began_s = self._clock.monotonic_s()
        for task in writing:
            self._writing[task] = began_s
            task.add_done_callback(lambda ended: self._writing.pop(ended, None))
        done, late = await asyncio.wait(writing, timeout=_LEFT_BEHIND_AFTER_S)
        for task in late:
            table = writing[task]
            self._late[table] += 1
            self._tasks.create_task(self._catch_up(table, task, taken[table]))
        for task in done:
            task.result()  # what it raises ends this worker; until then nothing of it may be acked
        await self._settle([delivery for task in done for delivery in taken[writing[task]]])

    async def _catch_up(self, table: str, task: asyncio.Task[None], deliveries: Sequence[Delivery]) -> None:
        try:
            await task
            await self._settle(deliveries)
        finally:
            self._late[table] -= 1
            self._flush_wanted.set()

    async def _settle(self, deliveries: Sequence[Delivery]) -> None:
        await self._writer.mark({(each.table, day) for each in deliveries for day in each.days})
        await self._writer.mark_hours({hour for each in deliveries for hour in each.hours})
        for delivery in deliveries:
            self._count(delivery, -1)
            delivery.durable()
        self._room.set()
        self._flushed.set()
