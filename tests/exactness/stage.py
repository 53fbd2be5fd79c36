"""A store that takes logs of records, one after the other, and the API over it."""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from openride_stream.cache import open_cache
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.deliveries import Delivery
from openride_stream.clickhouse.migrate import migrate
from openride_stream.clickhouse.preaggregations import ALL, MERGED
from openride_stream.clickhouse.reconcile import Reconciler
from openride_stream.clickhouse.sink import Sink
from openride_stream.clock import SystemClock
from openride_stream.errors import StoreRefused
from openride_stream.events.accept import accept
from openride_stream.events.policy import DecodePolicy
from openride_stream.events.records import RecordBatch
from openride_stream.events.topics import BY_NAME
from openride_stream.settings import Settings
from tests.exactness.questions import Asked
from tests.exactness.records import WRITTEN_MS, Sent
from tests.fixtures.clock import ManualClock
from tests.fixtures.store import settings_for
from tests.fixtures.web import Site, open_site

T = TypeVar("T")
DRAINED_WITHIN_S = 60.0
LAST_DAY = 65_535


@dataclass
class Stage:
    """One worker's way in and the web layer over a database; its loop runs while it is asked something."""

    runner: asyncio.Runner
    site: Site
    settings: Settings
    sink: Sink
    rounds: Reconciler
    tables: Sequence[str]

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    async def empty(self) -> None:
        """Forget everything, cached answers as well."""
        store = self.site.runtime.store
        await asyncio.gather(*(store.execute(f"TRUNCATE TABLE {store.database}.{t}") for t in self.tables))
        self.site.runtime.cache = open_cache(self.settings, self.site.metrics, self.site.runtime.clock)

    async def deliver(self, records: Iterable[Sent]) -> None:
        """Accept and store records as a worker does, one batch a topic; conflicts of identities are told."""
        by_topic: dict[str, list[Sent]] = {}
        for record in records:
            by_topic.setdefault(record.topic, []).append(record)
        for topic, batch in by_topic.items():
            await self._store(topic, batch)
        assert await self.sink.drain(DRAINED_WITHIN_S), self.sink.last_error
        await self.rounds.notice()

    async def _store(self, topic: str, batch: list[Sent]) -> None:
        policy = DecodePolicy.from_settings(self.settings, "cluster")
        accepted = accept(RecordBatch(topic, 0, batch), policy, WRITTEN_MS)
        assert [(reject.error, reject.message) for reject in accepted.rejects] == []

        async def refused(row: dict[str, Any], error: StoreRefused) -> None:
            raise AssertionError(row, error)

        table = BY_NAME[topic].table
        layout = await self.sink.layout(table)
        given = {"columns": accepted.columns, "layout": layout}
        await self.sink.write(Delivery.of(table, accepted.rows, lambda: None, refused, **given))

    async def build(self) -> None:
        """What a round does with all days that were touched, those of every pre-aggregation at once."""
        states = await self.site.runtime.reader.states(ALL, 0, LAST_DAY)
        dirty = {name: [day for day in days if not day.clean] for name, days in states.items()}
        await asyncio.gather(*(self.rounds.build(kept, dirty[kept.name]) for kept in ALL if dirty[kept.name]))
        look = await self.site.runtime.reader.look()
        await asyncio.gather(*(self.rounds.merge(look, kept) for kept in MERGED))
        await self.rounds.schedules.build()

    async def ask(self, asked: Sequence[Asked], now_ms: int) -> list[Any]:
        """The answers to all of them, asked at once while the clock says `now_ms`."""
        self.site.runtime.clock.ms = now_ms
        return await asyncio.gather(*(self.site.get(one.path, **one.parameters) for one in asked))


@asynccontextmanager
async def opened(settings: Settings, runner: asyncio.Runner) -> Any:
    store = ClickHouse.open(settings)
    await migrate(store, settings)
    found = await store.select(
        "SELECT name FROM system.tables WHERE database = {database:String} AND engine LIKE '%MergeTree' "
        "AND name NOT LIKE '%migrations%'",
        {"database": settings.clickhouse_database},
    )
    # Nobody turns off this store's power, and a test waits for every insert.
    names = [row["name"] for row in found]
    unsynced = "MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0"
    await asyncio.gather(*(store.execute(f"ALTER TABLE {store.database}.{t} {unsynced}") for t in names))
    clock = ManualClock()
    async with open_site(settings, store, clock) as site:
        clock.ms = WRITTEN_MS
        sink = Sink(store, settings, site.metrics, SystemClock())
        flushing = asyncio.create_task(sink.run())
        rounds = Reconciler(store, site.metrics, ManualClock(WRITTEN_MS), settings)
        yield Stage(runner, site, settings, sink, rounds, names)
        flushing.cancel()
        await asyncio.gather(flushing, return_exceptions=True)
    await store.execute(f"DROP DATABASE {settings.clickhouse_database} SYNC")
    await store.close()


@pytest.fixture(scope="module")
def stage(clickhouse_url: str) -> Iterator[Stage]:
    """Events are years old, which no retention may reach."""
    days = {f"retention_{kind}_days": 20_000 for kind in ("events", "location", "schedule")}
    settings = settings_for(clickhouse_url, **days)
    with asyncio.Runner() as runner:
        opening = opened(settings, runner)
        yield runner.run(opening.__aenter__())
        runner.run(opening.__aexit__(None, None, None))
