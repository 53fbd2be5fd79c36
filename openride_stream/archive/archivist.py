"""`openride archive`: what is due, what was done, what there is."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from openride_stream.archive.builds import Builds
from openride_stream.archive.copying import Copier, MonthChanged
from openride_stream.archive.leaving import Leaving
from openride_stream.archive.manifest import Manifest
from openride_stream.archive.months import (
    TABLES,
    TIMEOUT_S,
    columns_of,
    content_of,
    last_day,
    months_of,
    of_month,
    over_before,
)
from openride_stream.archive.shelf import Shelf, held
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.reconcile import Reconciler
from openride_stream.clickhouse.retention import apply_retention
from openride_stream.clock import Clock, rfc3339, utc_from_ms
from openride_stream.errors import ConfigurationError, Rejected
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings


class NotArchived(Rejected):
    """There is no copy of that month."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a month: `archived`, `changed` (it stays), or `restored`; and of how many rows."""

    table: str
    month: int
    outcome: str
    rows: int
    late: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """A month of the archive: its copies, and how many rows of it are in ClickHouse now.

    `in_sql` is what stands after FROM where ClickHouse reads its files in their place.
    """

    table: str
    month: int
    copies: Sequence[Manifest]
    rows_here: int
    in_sql: str

    @property
    def state(self) -> str:
        """`copied` (not dropped yet), `restored`, `late` (something came in since), `archived`."""
        if any(copy.restored_at and not copy.left_at for copy in self.copies):
            return "restored"
        if any(copy.left_at is None for copy in self.copies):
            return "copied"
        return "late" if self.rows_here else "archived"


class Archivist:
    """Archives months past their retention and brings them back. One at a time in the cluster."""

    def __init__(self, store: ClickHouse, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self.shelf = Shelf(settings)
        self._copier = Copier(store, self.shelf, settings, clock)
        self._builds = Builds(store, Reconciler(store, Metrics(), clock, settings))
        self._leaving = Leaving(store, self.shelf, self._builds, settings, clock)

    async def ready(self) -> None:
        """Have months wait for the archive.

        Raises:
            ConfigurationError: they are to expire.
        """
        if not self._settings.archive:
            message = "OPENRIDE_ARCHIVE is not on: months expire; set it to true for workers and here"
            raise ConfigurationError(message)
        await apply_retention(self._store, self._settings)

    async def due(self, tables: Sequence[str] = TABLES) -> list[tuple[str, int]]:
        """The months that are over, and were not brought back for a while, by table."""
        now_ms = self._clock.now_ms()
        found = []
        for table in tables:
            before = over_before(self._settings, table, now_ms)
            for month in await months_of(self._store, table):
                if last_day(month) >= before:
                    continue
                copies = await self.shelf.manifests(table, month)
                if not any(held(copy, rfc3339(now_ms)) for copy in copies):
                    found.append((table, month))
        return found

    async def archive(self, tables: Sequence[str] = TABLES) -> AsyncIterator[Outcome]:
        """Archive every month that is due, one after the other."""
        for table in tables:
            for month in await self._leaving.resume(table):
                yield Outcome(table, month, "archived", 0)
        for table, month in await self.due(tables):
            yield await self._archive(table, month)

    async def _archive(self, table: str, month: int) -> Outcome:
        columns = await columns_of(self._store, table)
        copies = await self.shelf.manifests(table, month)
        staying = [copy for copy in copies if copy.left_at is None]
        late = len(copies) > len(staying)
        if not late:
            # All of its events are here, also after a run that died had said of its days that they are not.
            await self._builds.release(table, month)
        await self._builds.complete(table, month)
        now = await content_of(self._store, table, columns, of_month(month))
        same = [copy for copy in staying if copy.content == now and list(copy.columns) == list(columns)]
        try:
            if same:
                copy = same[-1]
                await self._copier.verify(copy)
            else:
                segment = max((copy.segment for copy in copies), default=0) + 1
                copy = await self._copier.copy(table, month, segment, columns)
            others = [other for other in staying if other.segment != copy.segment]
            lost = {other.segment for other in others if other.restored_at and await self._missing_of(other)}
            await self._leaving.leave(copy)
        except MonthChanged:
            if not late:
                await self._builds.release(table, month)
            return Outcome(table, month, "changed", now.rows)
        for other in others:
            if other.segment in lost:
                # Rows that it brought back have been deleted since: nothing else has them.
                await self.shelf.write(other.changed(left_at=copy.archived_at, restored_at=None))
            else:
                await self.shelf.remove(other)
        return Outcome(table, month, "archived", copy.content.rows, copy.content.rows if late else 0)

    async def restore(self, month: int, tables: Sequence[str], days: int) -> AsyncIterator[Outcome]:
        """Bring a month back, to stay for so many days at least.

        Raises:
            NotArchived: none of the tables has a copy of it.
            CopyDiffers: a copy is not what was archived; nothing of it was inserted.
        """
        until = rfc3339(round((utc_from_ms(self._clock.now_ms()) + timedelta(days=days)).timestamp() * 1000))
        found = False
        for table in tables:
            await self._leaving.resume(table)
            if copies := await self.shelf.manifests(table, month):
                found = True
                yield await self._restore(copies, until)
        if not found:
            message = f"there is no archived month {month // 100}-{month % 100:02} of {', '.join(tables)}"
            raise NotArchived(message)

    async def _restore(self, copies: Sequence[Manifest], until: str) -> Outcome:
        table, month = copies[0].table, copies[0].month
        # Not to be archived again in the middle.
        copies = [copy.changed(held_until=until) for copy in copies]
        for copy in copies:
            await self.shelf.write(copy)
        rows = 0
        for copy in copies:
            async with self._copier.read_back(copy) as check:
                names = ", ".join(name for name, _ in copy.columns)
                at = f"{self._store.database}.{table}"
                # An insert as any other: views get what they got when the rows came first.
                await self._store.execute(
                    f"INSERT INTO {at} ({names}) SELECT {names} FROM {self._store.database}.{check}",
                    timeout_s=TIMEOUT_S,
                )
                if missing := await self._missing(table, check, month):
                    message = f"{copy.folder}: {missing:,} rows did not come back"
                    raise Rejected(message)
            rows += copy.content.rows
        await self._builds.release(table, month)
        if table == "schedule_analytics":
            await self._builds.touch(table, {file.day for copy in copies for file in copy.files})
        now = rfc3339(self._clock.now_ms())
        for copy in copies:
            await self.shelf.write(copy.changed(left_at=None, restored_at=now))
        return Outcome(table, month, "restored", rows)

    async def _missing_of(self, copy: Manifest) -> int:
        """How many rows of a copy are not in ClickHouse."""
        async with self._copier.read_back(copy) as check:
            return await self._missing(copy.table, check, copy.month)

    async def _missing(self, table: str, check: str, month: int) -> int:
        rows = await self._store.select(
            f"SELECT count() AS rows FROM {self._store.database}.{check} WHERE (event_id, precedence) NOT IN "
            f"(SELECT event_id, precedence FROM {self._store.database}.{table} WHERE {of_month(month)})",
            timeout_s=TIMEOUT_S,
            bounded=False,
        )
        return int(rows[0]["rows"])

    async def held(self, tables: Sequence[str] = TABLES) -> list[Held]:
        """Every month of the archive."""
        found = []
        for table in tables:
            here = await months_of(self._store, table)
            by_month: dict[int, list[Manifest]] = {}
            for copy in await self.shelf.manifests(table):
                by_month.setdefault(copy.month, []).append(copy)
            found += [
                Held(table, month, copies, here.get(month, 0), self.shelf.in_sql(table, month))
                for month, copies in sorted(by_month.items())
            ]
        return found
