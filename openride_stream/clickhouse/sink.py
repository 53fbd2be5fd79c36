"""The sink: rows of all agents, coalesced by table, made durable, then acknowledged.

A flush inserts every waiting row, then marks the days that it touched, then tells each delivery that it is
durable. In that order: a mark promises that the rows are there, an ack promises that the marks are. What
fails in between was not acked and comes again; rows are idempotent by event_id and marks only grow.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

import orjson

from openride_stream.clickhouse.backoff import Backoff
from openride_stream.clickhouse.client import ClickHouse, Row
from openride_stream.clickhouse.days import iso_day
from openride_stream.clickhouse.deliveries import Delivery, Format, chunks, joined
from openride_stream.clickhouse.native import Layout, layout_of
from openride_stream.clock import Clock
from openride_stream.errors import StoreRefused, Transient
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings

logger = logging.getLogger(__name__)

_FLUSHES_AT_ONCE: Final = 2
"""The largest table of a flush takes its time while the others are done: the next flush uses that."""


class Sink:
    """Bounded buffer and flush loop in front of ClickHouse. Used on one event loop."""

    def __init__(self, store: ClickHouse, settings: Settings, metrics: Metrics, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._backoff = Backoff(settings.retry_backoff_min_ms, settings.retry_backoff_max_ms)
        self._layouts: dict[str, Layout] = {}
        self._waiting: list[Delivery] = []
        self._waiting_rows = 0
        self._waiting_since_s = 0.0
        self._unacked_rows = 0
        self._unacked_bytes = 0
        self._flush_wanted = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._flushed = asyncio.Event()
        self.available = True
        self.last_error = ""

    async def write(self, delivery: Delivery) -> None:
        """Queue one delivery; waits while too much is in flight (that is the back-pressure)."""
        while not self._has_room():
            self._room.clear()
            self._flush_wanted.set()
            await self._room.wait()
        if not self._waiting:
            self._waiting_since_s = self._clock.monotonic_s()
        self._waiting.append(delivery)
        self._waiting_rows += delivery.rows
        self._count(delivery.rows, delivery.size_bytes)
        if self._waiting_rows >= self._settings.flush_rows:
            self._flush_wanted.set()

    async def layout(self, table: str) -> Layout:
        """How rows of `table` are written; asked of the store once, for as long as it takes."""
        for pause_s in self._backoff.pauses_s():
            if table in self._layouts:
                break
            try:
                self._layouts[table] = await layout_of(self._store, table)
            except Transient as error:
                await self._away(error, "layout", pause_s)
        return self._layouts[table]

    async def drain(self, timeout_s: float) -> bool:
        """Flush everything now; False when rows were still in flight after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._unacked_rows:
                    # Agents may still write: each flush asks for the next until nothing is left.
                    self._flushed.clear()
                    self._flush_wanted.set()
                    await self._flushed.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Flush until cancelled: at `flush_rows` rows or `flush_interval_ms`, whichever is first."""
        slots = asyncio.Semaphore(_FLUSHES_AT_ONCE)
        async with asyncio.TaskGroup() as flushes:
            while True:
                await slots.acquire()
                await self._until_due()
                flushing = flushes.create_task(self._flush())
                flushing.add_done_callback(lambda _: slots.release())
                # It takes what waits as soon as it runs; until then that would be due still.
                await asyncio.sleep(0)

    async def _until_due(self) -> None:
        interval_s = self._settings.flush_interval_ms / 1000
        while True:
            remaining_s = interval_s
            if self._waiting:
                remaining_s = self._waiting_since_s + interval_s - self._clock.monotonic_s()
            woken = await self._woken_within(max(remaining_s, 0.001))
            due = self._clock.monotonic_s() - self._waiting_since_s >= interval_s
            if self._waiting and (woken or due):
                return

    async def _woken_within(self, wait_s: float) -> bool:
        try:
            async with asyncio.timeout(wait_s):
                await self._flush_wanted.wait()
        except TimeoutError:
            return False
        self._flush_wanted.clear()
        return True

    def _has_room(self) -> bool:
        # One delivery is always let through, however large it is.
        return self._unacked_rows == 0 or (
            self._unacked_rows < self._settings.unacked_rows_limit
            and self._unacked_bytes < self._settings.unacked_bytes_limit
        )

    def _count(self, rows: int, size_bytes: int) -> None:
        self._unacked_rows += rows
        self._unacked_bytes += size_bytes
        self._metrics.unacked_rows.set(self._unacked_rows)

    async def _flush(self) -> None:
        taken, self._waiting, self._waiting_rows = self._waiting, [], 0
        by_table = sorted(taken, key=_destination)
        async with asyncio.TaskGroup() as tasks:
            for (table, form), deliveries in groupby(by_table, key=_destination):
                tasks.create_task(self._insert_all(table, Format(form), list(deliveries)))
        await self._mark({(delivery.table, day) for delivery in taken for day in delivery.days})
        for delivery in taken:
            self._count(-delivery.rows, -delivery.size_bytes)
            delivery.durable()
        self._room.set()
        self._flushed.set()

    async def _insert_all(self, table: str, form: Format, deliveries: list[Delivery]) -> None:
        for chunk in chunks(deliveries):
            started_s = self._clock.monotonic_s()
            try:
                await self._until_done(table, joined(chunk), form)
            except StoreRefused:
                refused = sum([await self._bisect(delivery, delivery.again()) for delivery in chunk])
            else:
                refused = 0
            rows = sum(delivery.rows for delivery in chunk)
            self._metrics.flush_duration_seconds.labels(table).observe(self._clock.monotonic_s() - started_s)
            self._metrics.flush_rows.labels(table).observe(rows)
            self._metrics.rows_inserted_total.labels(table).inc(rows - refused)

    async def _bisect(self, delivery: Delivery, rows: Sequence[Row]) -> int:
        """Store what can be stored, hand each row that cannot to `refused`, and say how many those were."""
        try:
            await self._until_done(delivery.table, orjson.dumps(rows)[1:-1])
        except StoreRefused as error:
            if len(rows) == 1:
                await delivery.refused(rows[0], error)
                return 1
            middle = len(rows) // 2
            return await self._bisect(delivery, rows[:middle]) + await self._bisect(delivery, rows[middle:])
        return 0

    async def _mark(self, touched: Iterable[tuple[str, int]]) -> None:
        marks = [{"source": table, "day": iso_day(day), "marks": 1} for table, day in sorted(touched)]
        if marks:
            await self._until_done("day_marks", orjson.dumps(marks)[1:-1])

    async def _until_done(self, table: str, body: bytes, form: Format = Format.JSON) -> None:
        """Insert, retrying for as long as the store is away; only `StoreRefused` gets out."""
        for pause_s in self._backoff.pauses_s():
            try:
                await self._store.insert(f"{self._store.database}.{table}", body, form)
            except Transient as error:
                await self._away(error, "insert", pause_s)
            else:
                if not self.available:
                    logger.warning("ClickHouse is back")
                self.available = True
                self._metrics.store_available.set(1)
                return

    async def _away(self, error: Transient, operation: str, pause_s: float) -> None:
        if self.available:
            logger.warning("ClickHouse is away: trying again until it is back", extra={"error": str(error)})
        self.available = False
        self.last_error = str(error)
        self._metrics.store_available.set(0)
        self._metrics.store_retries_total.labels(operation).inc()
        await asyncio.sleep(pause_s)


def _destination(delivery: Delivery) -> tuple[str, str]:
    return delivery.table, delivery.format
