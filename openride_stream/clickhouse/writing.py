"""Rows of one table until they are there: for as long as it takes, and one by one where some are refused.

One table may be in trouble while the others are well: dropped, altered, full. Its rows then wait, and `held`
says why, so that nothing more of it need be read. A row that can never be stored is an accident and becomes a
dead letter; when none of a delivery can, the table was changed, and a dead letter would be the wrong place.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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

_HELD_AFTER_S: Final = 5.0
_MISTAKE_ROWS: Final = 16
"""So many rows in a row that are refused, and none that is taken, are no accident."""


@dataclass(frozen=True, slots=True)
class Held:
    """Why rows of a table wait while the store takes others; `refused`: it calls the rows wrong."""

    reason: str
    refused: bool


@dataclass(slots=True)
class _Trouble:
    since_s: float
    error: str


class Writer:
    """Inserts rows, again and again until they are there. Used on one event loop."""

    def __init__(
        self,
        store: ClickHouse,
        settings: Settings,
        metrics: Metrics,
        clock: Clock,
        on_held: Callable[[], None],
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._on_held = on_held
        self._backoff = Backoff(settings.retry_backoff_min_ms, settings.retry_backoff_max_ms)
        self._layouts: dict[str, Layout] = {}
        self._troubles: dict[str, _Trouble] = {}
        self._held: dict[str, Held] = {}
        self._let: set[str] = set()
        self._refused_in_a_row: Counter[str] = Counter()
        self._taken_s = float("-inf")

    @property
    def last_error(self) -> str:
        """What was last said of the table that is longest in trouble; empty when none is."""
        return next((trouble.error for trouble in self._troubles.values()), "")

    def held(self, table: str) -> Held | None:
        """Why rows of `table` are to wait; None when they need not."""
        return self._held.get(table)

    def let_refused(self, table: str) -> None:
        """Whatever is refused of `table` may become a dead letter, until one of its rows is taken."""
        self._let.add(table)

    async def layout(self, table: str) -> Layout:
        """How rows of `table` are written; asked of the store once, for as long as it takes."""
        for pause_s in self._backoff.pauses_s():
            if table in self._layouts:
                break
            try:
                self._layouts[table] = await layout_of(self._store, table)
            except Transient as error:
                await self._away(table, error, "layout", pause_s)
            else:
                self._well(table)
        return self._layouts[table]

    async def write(self, table: str, deliveries: Sequence[Delivery]) -> None:
        """Insert `deliveries`, all of them for `table`; each row is stored, or handed to `refused`."""
        for form, alike in groupby(sorted(deliveries, key=_form), key=_form):
            for chunk in chunks(list(alike)):
                started_s = self._clock.monotonic_s()
                try:
                    await self._until_done(table, joined(chunk), Format(form))
                except StoreRefused:
                    refused = sum([await self._apart(delivery) for delivery in chunk])
                else:
                    refused = 0
                rows = sum(delivery.rows for delivery in chunk)
                took_s = self._clock.monotonic_s() - started_s
                self._metrics.flush_duration_seconds.labels(table).observe(took_s)
                self._metrics.flush_rows.labels(table).observe(rows)
                self._metrics.rows_inserted_total.labels(table).inc(rows - refused)

    async def mark(self, touched: Iterable[tuple[str, int]]) -> None:
        """Note which days (since the epoch) of which tables have new rows."""
        marks = [{"source": table, "day": iso_day(day), "marks": 1} for table, day in sorted(touched)]
        if marks:
            await self._until_done("day_marks", orjson.dumps(marks)[1:-1])

    async def _apart(self, delivery: Delivery) -> int:
        """Store what can be stored of a delivery, once any can be; says how many rows were refused."""
        table, rows = delivery.table, delivery.again()
        for pause_s in self._backoff.pauses_s():
            error = await self._mistake(table, rows)
            if error is None:
                break
            # ClickHouse quotes values in its message: the column and the code have to do.
            where = f"column {error.column}, " if error.column else ""
            why = f"ClickHouse refuses every row of {table} ({where}code {error.code})"
            self._hold(table, Held(why, refused=True))
            await self._away(table, why, "insert", pause_s)
        return await self._bisect(delivery, rows)

    async def _mistake(self, table: str, rows: Sequence[Row]) -> StoreRefused | None:
        """The error that rows from all over `rows` meet with, when none is taken and they are too many."""
        step = max(1, len(rows) // _MISTAKE_ROWS)
        sample = rows[::step][:_MISTAKE_ROWS]
        if table in self._let or self._refused_in_a_row[table] + len(sample) < _MISTAKE_ROWS:
            return None
        for row in sample:
            try:
                await self._until_done(table, orjson.dumps(row))
            except StoreRefused as error:
                found = error
            else:
                return None
        return found

    async def _bisect(self, delivery: Delivery, rows: Sequence[Row]) -> int:
        """Store what can be stored, hand each row that cannot to `refused`, and say how many those were."""
        try:
            await self._until_done(delivery.table, orjson.dumps(rows)[1:-1])
        except StoreRefused as error:
            if len(rows) == 1:
                self._refused_in_a_row[delivery.table] += 1
                await delivery.refused(rows[0], error)
                return 1
            middle = len(rows) // 2
            return await self._bisect(delivery, rows[:middle]) + await self._bisect(delivery, rows[middle:])
        return 0

    async def _until_done(self, table: str, body: bytes, form: Format = Format.JSON) -> None:
        """Insert, retrying for as long as the store is away; only `StoreRefused` gets out."""
        for pause_s in self._backoff.pauses_s():
            try:
                await self._store.insert(f"{self._store.database}.{table}", body, form)
            except Transient as error:
                await self._away(table, error, "insert", pause_s)
            else:
                self._taken_s = self._clock.monotonic_s()
                self._refused_in_a_row.pop(table, None)
                self._let.discard(table)
                self._well(table)
                return

    def _well(self, table: str) -> None:
        if self._troubles.pop(table, None) is not None:
            held = self._held.pop(table, None)
            logger.warning("ClickHouse takes rows again", extra={"table": table, "was_held": bool(held)})
        if not self._troubles:
            self._metrics.store_available.set(1)

    async def _away(self, table: str, error: Transient | str, operation: str, pause_s: float) -> None:
        now_s = self._clock.monotonic_s()
        trouble = self._troubles.get(table)
        if trouble is None:
            trouble = self._troubles[table] = _Trouble(now_s, "")
            logger.warning(
                "ClickHouse takes no rows: trying again until it does",
                extra={"table": table, "error": str(error)},
            )
        trouble.error = str(error)
        # While it takes no table's rows there is nothing to tell apart: everybody waits.
        if trouble.since_s < self._taken_s and now_s - trouble.since_s >= _HELD_AFTER_S:
            self._hold(table, Held(f"ClickHouse takes no rows of {table}: {error}", refused=False))
        self._metrics.store_available.set(0)
        self._metrics.store_retries_total.labels(operation).inc()
        await asyncio.sleep(pause_s)

    def _hold(self, table: str, held: Held) -> None:
        if table not in self._held:
            logger.error("Table held: the others go on", extra={"table": table, "reason": held.reason})
            self._held[table] = held
            self._on_held()


def _form(delivery: Delivery) -> str:
    return delivery.format
