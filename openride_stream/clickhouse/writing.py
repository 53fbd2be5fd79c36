"""Rows of one table until they are there: for as long as it takes, and one by one where some are refused.

One table may be in trouble while the others are well: dropped, altered, full. Its rows then wait, and `held`
says why, so that nothing more of it need be read. A row that can never be stored is an accident and becomes a
dead letter; when none of a delivery can, the table was changed, and a dead letter would be the wrong place.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import orjson

from openride_stream.clickhouse.backoff import Backoff
from openride_stream.clickhouse.client import ClickHouse, Row
from openride_stream.clickhouse.days import iso_day
from openride_stream.clickhouse.deliveries import Delivery, Format, chunks, joined
from openride_stream.clickhouse.hours import MARKS as HOUR_MARKS
from openride_stream.clickhouse.hours import mark_rows
from openride_stream.clickhouse.native import Layout, layout_of
from openride_stream.clickhouse.refusals import Place, Refusals
from openride_stream.clickhouse.troubles import DAY_MARKS, Held, Troubles
from openride_stream.clock import Clock
from openride_stream.errors import StoreRefused, Transient
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings


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
        self._troubles = Troubles(metrics, clock, on_held)
        self._backoff = Backoff(settings.retry_backoff_min_ms, settings.retry_backoff_max_ms)
        self._layouts: dict[str, Layout] = {}
        self._refusals = Refusals()

    @property
    def last_error(self) -> str:
        """What was last said of the table that is longest in trouble; first of those that are not held."""
        return self._troubles.last_error

    @property
    def away(self) -> bool:
        """Whether the store takes no rows of a table that is not held."""
        return self._troubles.away

    def held(self, table: str) -> Held | None:
        """Why rows of `table` are to wait; None when they need not."""
        return self._troubles.held(table)

    def let_refused(self, table: str, place: Place, until: int) -> None:
        """What is refused of `table`, read from `place` before `until`, may become dead letters."""
        if self._refusals.let(table, place, until):
            self._troubles.release(table)

    async def layout(self, table: str) -> Layout | None:
        """How rows of `table` are written, asked for as long as it takes; None when the table is held."""
        for pause_s in self._backoff.pauses_s():
            if table in self._layouts or self._troubles.held(table):
                break
            try:
                self._layouts[table] = await layout_of(self._store, table)
            except Transient as error:
                await self._away(table, error, "layout", pause_s)
            else:
                self._troubles.over(table)
        return self._layouts.get(table)

    async def write(self, table: str, deliveries: Sequence[Delivery]) -> None:
        """Insert `deliveries`, all of them for `table`; each row is stored, or handed to `refused`."""
        for _, alike in groupby(sorted(deliveries, key=_form), key=_form):
            for chunk in chunks(list(alike)):
                started_s = self._clock.monotonic_s()
                refused = 0 if await self._takes(table, chunk) else await self._apart(table, chunk)
                rows = sum(delivery.rows for delivery in chunk)
                took_s = self._clock.monotonic_s() - started_s
                self._metrics.flush_duration_seconds.labels(table).observe(took_s)
                self._metrics.flush_rows.labels(table).observe(rows)
                self._metrics.rows_inserted_total.labels(table).inc(rows - refused)

    async def mark(self, touched: Iterable[tuple[str, int]]) -> None:
        """Note which days (since the epoch) of which tables have new rows."""
        marks = [{"source": table, "day": iso_day(day), "marks": 1} for table, day in sorted(touched)]
        await self._marked(DAY_MARKS, orjson.dumps(marks)[1:-1])

    async def mark_hours(self, touched: Iterable[int]) -> None:
        """Note which hours (since the epoch) have new executions of schedules, or new updates."""
        await self._marked(HOUR_MARKS, mark_rows(touched))

    async def _marked(self, table: str, marks: bytes) -> None:
        for pause_s in self._backoff.pauses_s() if marks else ():
            try:
                await self._until_done(table, marks)
                break
            except StoreRefused as error:  # a mark is never wrong: its table was changed
                await self._away(table, str(error), "insert", pause_s)

    async def _takes(self, table: str, deliveries: Sequence[Delivery]) -> bool:
        """Insert deliveries of one format; False when the store refuses them, for one row or for all."""
        try:
            await self._until_done(table, joined(deliveries), deliveries[0].format)
        except StoreRefused:
            return False
        return True

    async def _apart(self, table: str, chunk: Sequence[Delivery]) -> int:
        """Store what can be stored of a refused chunk, once any can be; says how many rows were refused."""
        left = chunk
        self._layouts.pop(table, None)  # what it was made for may have been altered
        if len(chunk) > 1:
            left = [delivery for delivery in chunk if not await self._takes(table, [delivery])]
        if len(left) == len(chunk):
            await self._until_no_mistake(table, left)
        refused = sum([await self._bisect(delivery, delivery.again()) for delivery in left])
        if refused < sum(delivery.rows for delivery in chunk):
            # Wherever in the chunk it was: those that came last count for nothing.
            self._refusals.taken(table)
        return refused

    async def _until_no_mistake(self, table: str, left: Sequence[Delivery]) -> None:
        """Hold the table while none of the rows that are tried is taken; others are tried each time."""
        for pause_s in self._backoff.pauses_s():
            error = await self._mistake(table, left)
            if error is None:
                break
            # ClickHouse quotes values in its message: the column and the code have to do.
            where = f"column {error.column}, " if error.column else ""
            why = f"ClickHouse refuses every row of {table} ({where}code {error.code})"
            self._troubles.hold(table, Held(why, refused=True))
            await self._away(table, why, "insert", pause_s)
        self._troubles.release(table)

    async def _mistake(self, table: str, left: Sequence[Delivery]) -> StoreRefused | None:
        """The error that rows of refused deliveries meet with, when none is taken; None when one is."""
        found = None
        for row in self._refusals.suspects(table, left):
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
                self._refusals.refused(delivery.table)
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
                self._troubles.taken()
                self._refusals.taken(table)
                self._troubles.over(table)
                return

    async def _away(self, table: str, error: Transient | str, operation: str, pause_s: float) -> None:
        self._troubles.add(table, error)
        self._metrics.store_retries_total.labels(operation).inc()
        await asyncio.sleep(pause_s)


def _form(delivery: Delivery) -> str:
    return delivery.format
