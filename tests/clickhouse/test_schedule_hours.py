"""Hours of schedule executions are built once, and nothing that comes in later is missed."""

import asyncio
import time
from typing import Any

import orjson
import pytest

from openride_stream.clickhouse.cleanup import clean_up
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.conflicts import Conflicts
from openride_stream.clickhouse.hour_looks import Hours
from openride_stream.clickhouse.hours import HOUR_MS, dirty_hours
from openride_stream.clickhouse.queries.schedules.pages import Cursor, Search, page
from openride_stream.clickhouse.queries.schedules.source import Source
from openride_stream.clickhouse.queries.schedules.span import Span
from openride_stream.clickhouse.queries.schedules.stats import stats
from openride_stream.clickhouse.schedule_rounds import ScheduleHours
from openride_stream.clock import rfc3339
from openride_stream.settings import Settings
from tests.clickhouse.storing import NOW_MS, ingest
from tests.exactness.executions import usual
from tests.exactness.stories import uid
from tests.fixtures.clock import ManualClock

TOPIC = "openride.schedules.redis"
THIS_HOUR = NOW_MS // HOUR_MS
LONG_AGO_MS = (THIS_HOUR - 30) * HOUR_MS
DAY = Span(LONG_AGO_MS, NOW_MS + 1)


def execution(number: int, started_ms: int, **given: Any) -> bytes:
    started = rfc3339(started_ms)
    body = usual(analytics_id=uid(7, number), started_processing_at=started, completed_at=started)
    return orjson.dumps({**body, "execution_result": "success", "level": "info"} | given)


def update(number: int, of: int, **given: Any) -> bytes:
    return orjson.dumps({"update": True, "analytics_id": uid(7, of), "event_id": uid(6, number)} | given)


async def answered(store: ClickHouse) -> tuple[int, int, tuple[tuple[int, int], ...]]:
    """How many executions there are, how many of them are errors, and what is not read from builds."""
    source = await Source.of(store, Hours(store), DAY.start_ms, DAY.end_ms)
    found = await stats(source, DAY)
    return found["total_records"], found["error_count"], source.plan.pieces


@pytest.fixture
def rounds(store: ClickHouse) -> ScheduleHours:
    return ScheduleHours(store, ManualClock(NOW_MS))


async def test_hours_that_are_over_are_built_and_the_others_read_as_they_were_stored(
    store: ClickHouse, settings: Settings, rounds: ScheduleHours
) -> None:
    old = [execution(number, LONG_AGO_MS + number) for number in range(3)]
    await ingest(store, settings, {TOPIC: [*old, execution(9, NOW_MS - 1)]})
    assert await rounds.build() == 1
    total, errors, pieces = await answered(store)
    assert (total, errors) == (4, 0)
    assert pieces == ((THIS_HOUR * HOUR_MS, DAY.end_ms),)
    # What comes late is there at once, and in a build after the next round.
    await ingest(store, settings, {TOPIC: [execution(4, LONG_AGO_MS + 7), old[0]]})
    assert (await answered(store))[0] == 5
    assert await rounds.build() > 0
    total, _, pieces = await answered(store)
    # Nothing came in between the rounds: the hour that goes on is built as well.
    assert (total, pieces) == (5, ())


async def test_an_update_of_long_ago_counts_at_once_and_its_hour_is_built_anew(
    store: ClickHouse, settings: Settings, rounds: ScheduleHours
) -> None:
    await ingest(store, settings, {TOPIC: [execution(1, LONG_AGO_MS), execution(2, LONG_AGO_MS + 1)]})
    await rounds.build()
    assert await answered(store) == (2, 0, ())
    await ingest(store, settings, {TOPIC: [update(1, 1, level="error")]})
    total, errors, pieces = await answered(store)
    assert (total, errors) == (2, 1)
    assert (LONG_AGO_MS, LONG_AGO_MS + HOUR_MS) in pieces
    assert await rounds.build() == 1
    total, errors, pieces = await answered(store)
    assert (total, errors) == (2, 1)
    # The hour in which the update was written goes on; that of the execution is read from its build again.
    assert pieces == ((THIS_HOUR * HOUR_MS, DAY.end_ms),)
    await ingest(store, settings, {TOPIC: [update(2, 2, execution_result="failure", level="error")]})
    assert (await answered(store))[:2] == (2, 2)


@pytest.mark.parametrize(("followed", "looked_up"), [(5_000, 50), (5_000, 0), (2, 50)])
async def test_where_updates_lead_is_looked_up_once_and_no_later_one_is_missed(
    store: ClickHouse,
    settings: Settings,
    rounds: ScheduleHours,
    monkeypatch: pytest.MonkeyPatch,
    followed: int,
    looked_up: int,
) -> None:
    monkeypatch.setattr("openride_stream.clickhouse.hours._LOOKED_UP", looked_up)
    monkeypatch.setattr("openride_stream.clickhouse.hour_looks._FOLLOWED", followed)
    started = [LONG_AGO_MS + number * HOUR_MS for number in range(4)]
    await ingest(store, settings, {TOPIC: [execution(*each) for each in enumerate(started)]})
    await rounds.build()
    clock = ManualClock(NOW_MS)
    hours = Hours(store, clock, look_s=0.5)

    async def errors() -> int:
        clock.advance(0.6)
        return (await stats(await Source.of(store, hours, DAY.start_ms, DAY.end_ms), DAY))["error_count"]

    assert await errors() == 0
    for number in range(4):
        await ingest(store, settings, {TOPIC: [update(number, number, level="error")]})
        assert await errors() == number + 1
    # One that came before its execution changes it when that comes.
    await ingest(store, settings, {TOPIC: [update(9, 9, level="error")]})
    assert await errors() == 4
    await ingest(store, settings, {TOPIC: [execution(9, LONG_AGO_MS + 9 * HOUR_MS)]})
    assert await errors() == 5
    await rounds.build()
    assert await errors() == 5


async def test_a_build_of_a_worker_whose_clock_is_behind_counts_all_the_same(
    store: ClickHouse, settings: Settings, rounds: ScheduleHours, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ingest(store, settings, {TOPIC: [execution(1, LONG_AGO_MS)]})
    await rounds.build()
    await ingest(store, settings, {TOPIC: [update(1, 1, level="error")]})
    behind_ns = time.time_ns() - 3600 * 10**9
    with monkeypatch.context() as patched:
        patched.setattr("openride_stream.clickhouse.schedule_rounds.time.time_ns", lambda: behind_ns)
        await ScheduleHours(store, ManualClock(NOW_MS)).build()
    assert (await answered(store))[:2] == (1, 1)


async def test_another_content_that_counts_takes_its_execution_away_from_a_built_hour(
    store: ClickHouse, settings: Settings, rounds: ScheduleHours
) -> None:
    await ingest(store, settings, {TOPIC: [execution(1, LONG_AGO_MS), execution(2, LONG_AGO_MS)]})
    await rounds.build()
    conflicts = Conflicts(store)
    await conflicts.find()
    # Of so many contents the first one hardly counts; whichever does, it does once.
    moved_ms = LONG_AGO_MS + 5 * HOUR_MS
    moved = [execution(1, moved_ms, processed_by_node=f"node {number}") for number in range(8)]
    await ingest(store, settings, {TOPIC: moved})
    await conflicts.find()
    assert (await answered(store))[0] == 2
    await rounds.build()
    assert await answered(store) == (2, 0, ())


async def test_what_a_round_that_died_left_behind_is_swept_and_counts_for_nothing(
    store: ClickHouse, settings: Settings, rounds: ScheduleHours
) -> None:
    await ingest(store, settings, {TOPIC: [execution(1, LONG_AGO_MS)]})
    await rounds.build()
    columns = "* EXCEPT (generation), 7 AS generation"
    await store.execute(
        f"INSERT INTO {store.database}.schedule_hours SELECT {columns} FROM {store.database}.schedule_hours"
    )
    assert await answered(store) == (1, 0, ())
    await rounds.sweep(0)
    rows = await store.select(f"SELECT count() AS rows FROM {store.database}.schedule_hours")
    assert rows == [{"rows": 1}]
    assert await answered(store) == (1, 0, ())


async def test_what_is_cleaned_up_is_in_no_build_whatever_was_under_way(
    store: ClickHouse, settings: Settings, rounds: ScheduleHours
) -> None:
    old_ms = LONG_AGO_MS - 40 * 24 * HOUR_MS
    await ingest(store, settings, {TOPIC: [execution(1, old_ms), execution(2, LONG_AGO_MS)]})
    await rounds.build()
    kept = f"SELECT * FROM {store.database}.schedule_hours WHERE analytics_id = '{uid(7, 1)}'"
    await store.execute(f"CREATE TABLE {store.database}.late ENGINE = Memory AS {kept}")
    await clean_up(store, ManualClock(NOW_MS), 30, "me", dry_run=False)
    # A build that had read before inserts its rows afterwards.
    await store.execute(f"INSERT INTO {store.database}.schedule_hours SELECT * FROM {store.database}.late")
    await store.execute(f"DROP TABLE {store.database}.late SYNC")
    search = Search(0, NOW_MS + 1, NOW_MS, 10)
    for _ in range(2):
        found = (await page(store, Hours(store), search))["executions"]
        assert [each["analytics_id"] for each in found] == [uid(7, 2)]
        await rounds.build()
    assert await dirty_hours(store) == []


async def test_pages_go_on_where_they_ended_whatever_comes_in_between(
    store: ClickHouse, settings: Settings, rounds: ScheduleHours
) -> None:
    # Some lie in hours that are built, the newest ones in the hour that goes on.
    first = {uid(7, number): NOW_MS - 1 - number * 20 * 60_000 for number in range(12)}
    records = [execution(number, at_ms) for number, at_ms in enumerate(first.values())]
    await ingest(store, settings, {TOPIC: records})
    await rounds.build()
    seen, cursor, hours = [], None, Hours(store)
    for number in range(100, 200, 10):
        found = await page(store, hours, Search(0, NOW_MS + 1, NOW_MS, 3, cursor))
        seen += [each["analytics_id"] for each in found["executions"]]
        if found["next_cursor"] is None:
            break
        cursor = Cursor.of(found["next_cursor"])
        # One that is newer than all, one at the very moment at which the page ended, one that is sent again.
        late = [execution(number, NOW_MS), execution(number + 1, cursor.started_ms), records[0]]
        await ingest(store, settings, {TOPIC: late})
        await rounds.build()
    assert len(seen) == len({*seen})
    assert [each for each in seen if each in first] == [*first]
    newer = {uid(7, number) for number in range(100, 200, 10)}
    assert newer.isdisjoint(seen)


@pytest.mark.parametrize("limit", [1, 3, 4, 20])
async def test_a_page_is_the_same_wherever_what_is_on_it_has_to_be_looked_for(
    store: ClickHouse, settings: Settings, rounds: ScheduleHours, limit: int
) -> None:
    # At the edges of the hour and of the day that are looked at first, and a month beyond.
    edges = (HOUR_MS, HOUR_MS + 1, 24 * HOUR_MS, 24 * HOUR_MS + 1, 30 * 24 * HOUR_MS)
    ago_ms = (1, HOUR_MS - 1, *edges)
    records = [execution(number, NOW_MS - each) for number, each in enumerate(ago_ms)]
    # Another content of the first one lies further back, and no round has compared them.
    again = execution(0, NOW_MS - 5 * HOUR_MS, processed_by_node="another")
    await ingest(store, settings, {TOPIC: [*records, again]})
    for _ in range(2):
        search = Search(0, NOW_MS + 1, NOW_MS, limit)
        found = await page(store, Hours(store), search)
        ids = [each["analytics_id"] for each in found["executions"]]
        assert ids == [uid(7, number) for number in range(len(ago_ms))][:limit]
        assert (found["next_cursor"] is None) == (limit >= len(ago_ms))
        await rounds.build()


async def test_what_comes_seldom_is_renewed_behind_who_asks_and_is_never_old(store: ClickHouse) -> None:
    clock, asked = ManualClock(NOW_MS), []
    hours = Hours(store, clock, look_s=0.5)

    async def ask() -> tuple[str, ...]:
        asked.append(len(asked))
        return (f"as of look {len(asked)}",)

    assert await asyncio.gather(*(hours.seldom(ask) for _ in range(3))) == [("as of look 1",)] * 3
    clock.advance(61)
    assert await hours.seldom(ask) == ("as of look 1",)
    await asyncio.sleep(0)
    assert await hours.seldom(ask) == ("as of look 2",)
    clock.advance(3600)
    assert await hours.seldom(ask) == ("as of look 3",), "nobody had asked for an hour"
