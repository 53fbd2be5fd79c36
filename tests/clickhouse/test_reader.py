"""What is seen of the days, and when they are looked at anew."""

import asyncio
import time
from collections.abc import Mapping
from itertools import pairwise

import pytest

from openride_stream.clickhouse.client import ClickHouse, Param, Row
from openride_stream.clickhouse.days import DAY_MS, DayState
from openride_stream.clickhouse.migrate import migrate
from openride_stream.clickhouse.preaggregations import ALL, BOOKINGS, MERGED, USER_DAYS, PreAggregation
from openride_stream.clickhouse.reader import NEVER, Reader
from openride_stream.errors import StoreUnavailable
from tests.fixtures.clock import ManualClock
from tests.fixtures.databases import drop
from tests.fixtures.store import settings_for

DAY = 20_000
RANGE_MS = DAY * DAY_MS, (DAY + 1) * DAY_MS
SOURCES = ("booking_events",)
DEADLINE_S = 20.0


class Gate:
    """The store, with a door that a test may shut, and a count of who came through."""

    def __init__(self, store: ClickHouse) -> None:
        self.database = store.database
        self.away = False
        self.asked = 0
        self.entered = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()
        self._store = store

    async def select(self, sql: str, params: Mapping[str, Param] | None = None) -> list[Row]:
        self.asked += 1
        self.entered.set()
        await self.open.wait()
        if self.away:
            raise StoreUnavailable(sql)
        return await self._store.select(sql, params)


async def touch(store: ClickHouse, source: str = "booking_events", day: int = DAY) -> None:
    await store.execute(f"INSERT INTO {store.database}.day_marks VALUES ('{source}', toDate({day}), 1)")


async def test_a_version_changes_with_what_the_answer_hangs_on_and_with_nothing_else(
    store: ClickHouse,
) -> None:
    reader = Reader(store)
    seen = [await reader.version(SOURCES, *RANGE_MS, ("route_events",))]
    for source, day in (
        ("booking_events", DAY),
        ("booking_events", DAY + 1),
        ("trip_events", DAY),
        ("route_events", 3),
    ):
        await touch(store, source, day)
        seen.append(await reader.version(SOURCES, *RANGE_MS, ("route_events",)))
    assert [now != before for before, now in pairwise(seen)] == [True, False, False, True]


async def test_two_databases_have_no_version_in_common(store: ClickHouse, clickhouse_url: str) -> None:
    settings = settings_for(clickhouse_url)
    other = ClickHouse.open(settings)
    await migrate(other, settings)
    for database in (store, other):
        await touch(database)
    # Staging and production may share a Redis, and the names of their databases.
    seen = [await Reader(database).version(SOURCES, *RANGE_MS) for database in (store, store, other)]
    assert [now != before for before, now in pairwise(seen)] == [False, True]
    await drop(other, other.database)
    await other.close()


async def build(store: ClickHouse, kept: PreAggregation, seen: int, generation: int) -> None:
    await store.execute(
        f"INSERT INTO {store.database}.day_builds (preaggregation, day, marks_seen, generation, late) "
        f"VALUES ('{kept.name}', toDate({DAY}), {seen}, {generation}, 0)"
    )


async def test_of_the_builds_of_a_day_the_one_that_has_seen_most_counts(store: ClickHouse) -> None:
    for day in (DAY + 2, DAY, DAY + 1):
        await touch(store, day=day)
        await touch(store, "trip_events", day)
    await build(store, BOOKINGS, 1, 7)
    await build(store, BOOKINGS, 0, 9)  # a slow one
    states = (await Reader(store).states(ALL, DAY, DAY + 1))[BOOKINGS.name]
    assert states == [DayState(DAY, 1, 1, 7, late=False), DayState(DAY + 1, 1, 0, 0, late=False)]
    assert [state.clean for state in states] == [True, False]


async def test_what_is_made_of_builds_stands_for_those_and_no_others(store: ClickHouse) -> None:
    async def merged() -> DayState:
        (state,) = (await Reader(store).states(MERGED, DAY, DAY))[MERGED[1].name]
        return state

    first, second = USER_DAYS[:2]
    await touch(store, first.source)
    await touch(store, second.source)
    await build(store, first, 1, 1_000)
    assert (await merged()).marks == NEVER, "a part is not built"
    await build(store, second, 1, 2_000)
    assert (await merged()).marks == 2
    await build(store, MERGED[1], 2, 3_000)
    assert (await merged()).clean
    await touch(store, second.source)
    assert not (await merged()).clean
    await build(store, second, 2, 500)  # by a worker whose clock is behind
    assert not (await merged()).clean, "it was made of the build before"


async def test_what_is_stored_is_seen_within_a_look(store: ClickHouse, clock: ManualClock) -> None:
    gate = Gate(store)
    reader = Reader(gate, clock, look_s=1.0)  # type: ignore[arg-type]
    before = await reader.version(SOURCES, *RANGE_MS)
    await touch(store)
    clock.advance(0.4)
    assert await reader.version(SOURCES, *RANGE_MS) == before
    assert gate.asked == 1
    clock.advance(0.2)
    gate.open.clear()
    assert await reader.version(SOURCES, *RANGE_MS) == before, "nobody waits for a look that is not due"
    gate.open.set()
    deadline_s = time.monotonic() + DEADLINE_S
    while await reader.version(SOURCES, *RANGE_MS) == before:
        assert time.monotonic() < deadline_s, "the look behind the back is not used"
        await asyncio.sleep(0.01)
    assert gate.asked == 2
    await touch(store)
    now = await reader.version(SOURCES, *RANGE_MS)
    clock.advance(1)
    assert await reader.version(SOURCES, *RANGE_MS) != now


async def test_a_store_that_is_away_is_not_answered_for(store: ClickHouse, clock: ManualClock) -> None:
    gate = Gate(store)
    reader = Reader(gate, clock, look_s=1.0)  # type: ignore[arg-type]
    await reader.version(SOURCES, *RANGE_MS)
    gate.away = True
    clock.advance(0.6)
    await reader.version(SOURCES, *RANGE_MS)
    clock.advance(0.4)
    with pytest.raises(StoreUnavailable):
        await reader.version(SOURCES, *RANGE_MS)
    gate.away = False
    await touch(store)
    assert (await reader.version(SOURCES, *RANGE_MS)).endswith(",booking_events:1")


async def test_one_look_serves_all_who_wait_whoever_goes_away(store: ClickHouse, clock: ManualClock) -> None:
    gate = Gate(store)
    gate.open.clear()
    reader = Reader(gate, clock, look_s=1.0)  # type: ignore[arg-type]
    waiting = [asyncio.create_task(reader.version(SOURCES, *RANGE_MS)) for _ in range(3)]
    await gate.entered.wait()
    waiting[0].cancel()
    gate.open.set()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(ended[0], asyncio.CancelledError)
    assert [str(one).partition(",")[2] for one in ended[1:]] == ["booking_events:0"] * 2
    assert gate.asked == 1


async def test_a_look_that_began_too_early_is_not_an_answer(store: ClickHouse, clock: ManualClock) -> None:
    gate = Gate(store)
    gate.open.clear()
    reader = Reader(gate, clock, look_s=1.0)  # type: ignore[arg-type]
    early = asyncio.create_task(reader.version(SOURCES, *RANGE_MS))
    await gate.entered.wait()
    clock.advance(30)
    late = asyncio.create_task(reader.version(SOURCES, *RANGE_MS))
    await asyncio.sleep(0)
    gate.open.set()
    await asyncio.gather(early, late)
    assert gate.asked == 2, "the store took half a minute: what it said then is that old"
