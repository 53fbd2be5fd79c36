"""The sink: nothing is acked before it is durable, nothing that failed is dropped."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from openride_stream.clickhouse.bodies import Body
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import DAY_MS, iso_day
from openride_stream.clickhouse.deliveries import Delivery, Format
from openride_stream.clickhouse.native import layout_of
from openride_stream.clickhouse.sink import Sink
from openride_stream.clickhouse.troubles import Held
from openride_stream.clock import SystemClock
from openride_stream.errors import StoreRefused, StoreUnavailable
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings

TODAY = SystemClock().now_ms() // DAY_MS
TODAY_MS = TODAY * DAY_MS


def location(**given: Any) -> dict[str, Any]:
    row = {
        "event_id": str(uuid.uuid4()),
        "event_type": "driver.location.updated",
        "event_timestamp": TODAY_MS,
        "driver_id": str(uuid.uuid4()),
        "lat": 1.5,
        "lon": 2.5,
        "payload": "{}",
        "topic": "openride.events.location",
        "partition": 0,
        "offset": 0,
    }
    return row | given


class Outcome:
    """What became of one delivery."""

    def __init__(self) -> None:
        self.durable = asyncio.Event()
        self.refused: list[dict[str, Any]] = []

    def delivery(self, rows: list[dict[str, Any]], table: str = "location_events") -> Delivery:
        async def refuse(row: dict[str, Any], error: StoreRefused) -> None:
            assert error.code
            self.refused.append(row)

        return Delivery.of(table, rows, self.durable.set, refuse)


class FlakyStore(ClickHouse):
    """The real store behind a fault that a test switches on."""

    fault: Callable[[], None] | None = None
    broken: tuple[str, Exception] | None = None
    inserts = 0

    async def insert(self, table: str, rows: Body | bytes, form: str = "JSONEachRow") -> None:
        if self.fault:
            self.fault()
        if self.broken and table == f"{self.database}.{self.broken[0]}":
            raise self.broken[1]
        await super().insert(table, rows, form)
        self.inserts += 1


@asynccontextmanager
async def running(store: ClickHouse, settings: Settings, **given: Any) -> AsyncIterator[Sink]:
    sink = Sink(store, settings.model_copy(update=given), Metrics(), SystemClock())
    task = asyncio.create_task(sink.run())
    try:
        yield sink
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def flaky(store: ClickHouse, settings: Settings) -> AsyncIterator[FlakyStore]:
    opened = FlakyStore.open(settings)
    yield opened
    await opened.close()


async def ids(store: ClickHouse, table: str = "location_events") -> list[str]:
    rows = await store.select(f"SELECT event_id FROM {store.database}.{table} FINAL")
    return sorted(row["event_id"] for row in rows)  # ClickHouse sorts UUIDs by their second half


async def marks(store: ClickHouse) -> dict[str, int]:
    rows = await store.select(
        f"SELECT toString(day) AS day, sum(marks) AS marks FROM {store.database}.day_marks GROUP BY day"
    )
    return {row["day"]: row["marks"] for row in rows}


async def test_rows_are_stored_and_their_days_marked_before_the_ack(
    store: ClickHouse, settings: Settings
) -> None:
    async with running(store, settings) as sink:
        outcome = Outcome()
        rows = [location(), location(event_timestamp=TODAY_MS - DAY_MS)]
        await sink.write(outcome.delivery(rows))
        await asyncio.wait_for(outcome.durable.wait(), 20)
    assert await ids(store) == sorted(row["event_id"] for row in rows)
    assert await marks(store) == {iso_day(TODAY): 1, iso_day(TODAY - 1): 1}


async def test_deliveries_of_one_table_share_an_insert(flaky: FlakyStore, settings: Settings) -> None:
    async with running(flaky, settings, flush_interval_ms=60_000, flush_rows=10) as sink:
        outcomes = [Outcome() for _ in range(10)]
        for outcome in outcomes:
            await sink.write(outcome.delivery([location()]))
        await asyncio.wait_for(asyncio.gather(*(o.durable.wait() for o in outcomes)), 20)
    assert flaky.inserts == 2  # the rows, the marks
    assert len(await ids(flaky)) == 10


async def test_a_redelivered_batch_is_one_row_an_event(store: ClickHouse, settings: Settings) -> None:
    row = location()
    async with running(store, settings) as sink:
        for offset in range(3):
            outcome = Outcome()
            await sink.write(outcome.delivery([row | {"offset": offset}]))
            await asyncio.wait_for(outcome.durable.wait(), 20)
    assert await ids(store) == [row["event_id"]]


async def test_a_store_that_is_away_pauses_and_drops_nothing(flaky: FlakyStore, settings: Settings) -> None:
    calls = 0

    def away() -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            flaky.fault = None
        message = "connection refused"
        raise StoreUnavailable(message)

    flaky.fault = away
    async with running(flaky, settings) as sink:
        outcome = Outcome()
        await sink.write(outcome.delivery([location()]))
        while calls == 0:  # noqa: ASYNC110  # the sink tells nobody that it retries
            await asyncio.sleep(0.001)
        assert not sink.available
        assert sink.last_error == "connection refused"
        assert not outcome.durable.is_set()
        await asyncio.wait_for(outcome.durable.wait(), 20)
        assert sink.available
    assert len(await ids(flaky)) == 1


async def test_marks_that_fail_hold_the_ack_back(flaky: FlakyStore, settings: Settings) -> None:
    original = FlakyStore.insert
    failures = 2

    async def insert(table: str, rows: bytes, form: str = "JSONEachRow") -> None:
        nonlocal failures
        if table.endswith("day_marks") and failures:
            failures -= 1
            assert not outcome.durable.is_set()
            message = "marks are away"
            raise StoreUnavailable(message)
        await original(flaky, table, rows, form)

    flaky.insert = insert  # type: ignore[method-assign]
    outcome = Outcome()
    async with running(flaky, settings) as sink:
        await sink.write(outcome.delivery([location()]))
        await asyncio.wait_for(outcome.durable.wait(), 20)
    assert failures == 0
    assert await marks(flaky) == {iso_day(TODAY): 1}


async def test_rows_that_the_store_refuses_are_found_and_the_rest_is_stored(
    store: ClickHouse, settings: Settings
) -> None:
    good = [location(offset=offset) for offset in range(20)]
    bad = [location(offset=100 + n, driver_id="not a uuid") for n in range(3)]
    mixed = [*good[:7], bad[0], *good[7:13], bad[1], bad[2], *good[13:]]
    async with running(store, settings) as sink:
        outcome, other = Outcome(), Outcome()
        await sink.write(outcome.delivery(mixed))
        await sink.write(other.delivery([location()]))
        await asyncio.wait_for(asyncio.gather(outcome.durable.wait(), other.durable.wait()), 30)
    assert sorted(row["offset"] for row in outcome.refused) == [100, 101, 102]
    assert other.refused == []
    assert len(await ids(store)) == 21


async def test_a_batch_that_is_refused_whole_is_read_again_to_find_the_rows(
    flaky: FlakyStore, settings: Settings
) -> None:
    good, bad = location(offset=1), location(offset=2, driver_id="not a uuid")
    layout = await layout_of(flaky, "location_events")
    asked = 0

    def again() -> list[dict[str, Any]]:
        nonlocal asked
        asked += 1
        return [good, bad]

    async def insert(table: str, rows: bytes, form: str = "JSONEachRow") -> None:
        if form == Format.NATIVE:
            message = "Code: 1"
            raise StoreRefused(message, code=1)
        await FlakyStore.insert(flaky, table, rows, form)

    flaky.insert = insert  # type: ignore[method-assign]
    outcome = Outcome()
    async with running(flaky, settings) as sink:
        whole = outcome.delivery([good, good])
        await sink.write(
            Delivery.of(whole.table, [good, good], whole.durable, whole.refused, layout=layout, again=again)
        )
        await asyncio.wait_for(outcome.durable.wait(), 20)
    assert asked == 1
    assert [row["offset"] for row in outcome.refused] == [2]
    assert await ids(flaky) == [good["event_id"]]


async def written(sink: Sink, rows: list[dict[str, Any]], table: str = "location_events") -> Outcome:
    outcome = Outcome()
    await asyncio.wait_for(sink.write(outcome.delivery(rows, table)), 20)
    return outcome


async def durable(outcome: Outcome) -> None:
    await asyncio.wait_for(outcome.durable.wait(), 30)


def user() -> dict[str, Any]:
    row = location(event_type="user.logged_in", topic="openride.events.user", user_id=str(uuid.uuid4()))
    return {name: value for name, value in row.items() if name not in {"driver_id", "lat", "lon"}}


async def test_a_table_that_can_not_be_written_holds_up_no_other(
    flaky: FlakyStore, settings: Settings
) -> None:
    flaky.broken = ("location_events", StoreUnavailable("Code: 60. Table does not exist"))
    async with running(flaky, settings, unacked_rows_limit=3, retry_backoff_max_ms=200) as sink:
        stuck = [await written(sink, [location()]) for _ in range(2)]
        until_s = asyncio.get_running_loop().time() + 30
        while sink.held("location_events") is None:
            assert asyncio.get_running_loop().time() < until_s
            await durable(await written(sink, [user()], "user_events"))
        held = sink.held("location_events")
        assert held is not None
        assert not held.refused
        assert held.reason == ("ClickHouse takes no rows of location_events: Code: 60. Table does not exist")
        assert not sink.available
        assert sink.last_error.startswith("Code: 60")
        assert await sink.drain(20), "what is held is not waited for"
        assert not any(outcome.durable.is_set() for outcome in stuck)
        flaky.broken = None
        for outcome in stuck:
            await durable(outcome)
        assert (sink.held("location_events"), sink.available) == (None, True)
    assert len(await ids(flaky)) == 2


async def test_a_table_that_refuses_every_row_is_held_and_nothing_is_dead_lettered(
    flaky: FlakyStore, settings: Settings
) -> None:
    flaky.broken = ("location_events", StoreRefused("Code: 16. No such column lat", 16, "lat"))
    rows = [location(offset=offset) for offset in range(40)]
    async with running(flaky, settings, retry_backoff_max_ms=200) as sink:
        outcome = await written(sink, rows)
        held = await _held(sink)
        assert held.refused
        assert held.reason == "ClickHouse refuses every row of location_events (column lat, code 16)"
        flaky.broken = None
        await durable(outcome)
    assert outcome.refused == []
    assert len(await ids(flaky)) == 40


async def test_few_rows_at_a_time_that_are_all_refused_are_no_accident_either(
    flaky: FlakyStore, settings: Settings
) -> None:
    flaky.broken = ("location_events", StoreRefused("Code: 16. No such column lat", 16, "lat"))
    async with running(flaky, settings, retry_backoff_max_ms=200) as sink:
        outcomes = [await written(sink, [location(offset=offset)]) for offset in range(30)]
        await _held(sink)
        flaky.broken = None
        for outcome in outcomes:
            await durable(outcome)
    refused = sum(len(outcome.refused) for outcome in outcomes)
    assert refused < 16
    assert len(await ids(flaky)) == 30 - refused


async def test_rows_that_an_operator_lets_go_are_refused_one_by_one(
    store: ClickHouse, settings: Settings
) -> None:
    bad = [location(offset=offset, driver_id="not a uuid") for offset in range(20)]
    async with running(store, settings, retry_backoff_max_ms=200) as sink:
        outcome = await written(sink, bad)
        await _held(sink)
        sink.let_refused("location_events", ("openride.events.location", 0), 20)
        await durable(outcome)
        assert sorted(row["offset"] for row in outcome.refused) == list(range(20))
        await durable(await written(sink, [location()]))
        assert sink.held("location_events") is None
    assert len(await ids(store)) == 1


BAD = {"driver_id": "not a uuid"}


async def test_good_rows_among_bad_ones_are_found_wherever_they_are(
    store: ClickHouse, settings: Settings
) -> None:
    every_other = [location(offset=n, **({} if n % 2 else BAD)) for n in range(40)]
    only_one = [location(offset=n, **({} if n == 39 else BAD)) for n in range(100, 140)]
    one = [location(offset=n, **({} if n == 217 else BAD)) for n in range(200, 240)]
    async with running(store, settings, retry_backoff_min_ms=1, retry_backoff_max_ms=20) as sink:
        await durable(mixed := await written(sink, every_other))
        assert [row["offset"] for row in mixed.refused] == list(range(0, 40, 2))
        await durable(rare := await written(sink, one))
        assert len(rare.refused) == 39
        waits = await written(sink, only_one)
        await _held(sink)
        assert not waits.durable.is_set(), "of those none is good"
    assert len(await ids(store)) == 21


@pytest.mark.parametrize(("batches", "rows"), [(20, 1), (2, 17)])
async def test_bad_rows_of_one_batch_hold_up_no_other(
    store: ClickHouse, settings: Settings, batches: int, rows: int
) -> None:
    """The store takes rows of the table: what it refuses of others is no mistake in the table."""
    given = {"flush_interval_ms": 60_000, "flush_rows": batches * rows + 1}
    async with running(store, settings, **given) as sink:
        bad = [await written(sink, [location(**BAD) for _ in range(rows)]) for _ in range(batches)]
        good = await written(sink, [location()])
        for outcome in (*bad, good):
            await durable(outcome)
        one_more = await written(sink, [location(**BAD)])
        assert await sink.drain(30)
        assert (one_more.durable.is_set(), sink.available) == (True, True), "the table has taken a row since"
    assert [len(outcome.refused) for outcome in bad] == [rows] * batches
    assert len(await ids(store)) == 1


async def test_what_was_let_go_is_let_go_and_what_came_behind_it_is_held(
    store: ClickHouse, settings: Settings
) -> None:
    place = ("openride.events.location", 0)
    async with running(store, settings, retry_backoff_max_ms=50) as sink:
        first = await written(sink, [location(offset=n, **BAD) for n in range(20)])
        await _held(sink)
        sink.let_refused("location_events", place, 40)
        assert sink.held("location_events") is None, "else nothing more of it would be read"
        await durable(first)
        await durable(second := await written(sink, [location(offset=n, **BAD) for n in range(20, 40)]))
        assert len(second.refused) == 20
        third = await written(sink, [location(offset=n, **BAD) for n in range(40, 60)])
        await _held(sink)
        sink.let_refused("location_events", place, 40)
        assert sink.held("location_events") is not None, "that was no new word"
        assert third.refused == []
        sink.let_refused("location_events", place, 60)
        await durable(third)


async def test_a_table_that_comes_back_altered_says_so(flaky: FlakyStore, settings: Settings) -> None:
    flaky.broken = ("location_events", StoreUnavailable("Code: 60. Table does not exist"))
    async with running(flaky, settings, retry_backoff_max_ms=200) as sink:
        await written(sink, [location() for _ in range(20)])
        while sink.held("location_events") is None:
            await durable(await written(sink, [user()], "user_events"))
        assert not (await _held(sink)).refused
        assert not sink.away, "the others go on"
        assert sink.last_error.endswith("(location_events only, the others go on)")
        flaky.broken = ("location_events", StoreRefused("Code: 16. No such column lat", 16, "lat"))
        async with asyncio.timeout(30):
            while not (await _held(sink)).refused:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_layout_is_not_waited_for_when_its_table_is_gone(
    flaky: FlakyStore, settings: Settings
) -> None:
    """Who waits is the agent of a topic: behind a full stream Faust would read no other topic."""
    async with running(flaky, settings, retry_backoff_max_ms=200) as sink:
        asking = asyncio.create_task(sink.layout("no_such_events"))
        async with asyncio.timeout(30):
            while not asking.done():
                await durable(await written(sink, [user()], "user_events"))
        assert await asking is None
        assert sink.held("no_such_events") is not None


async def test_marks_that_are_refused_are_tried_again(flaky: FlakyStore, settings: Settings) -> None:
    flaky.broken = ("day_marks", StoreRefused("Code: 16. No such column marks", 16, "marks"))
    async with running(flaky, settings, retry_backoff_max_ms=50) as sink:
        outcome = await written(sink, [location()])
        async with asyncio.timeout(30):
            while sink.available:  # noqa: ASYNC110  # the sink tells nobody that it retries
                await asyncio.sleep(0.01)
        assert sink.away, "nothing can be acked"
        assert not outcome.durable.is_set()
        flaky.broken = None
        await durable(outcome)


async def test_a_table_that_is_left_behind_at_the_last_moment_leaves_nothing_to_flush(
    flaky: FlakyStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openride_stream.clickhouse.sink._LEFT_BEHIND_AFTER_S", 0.05)
    flaky.broken = ("location_events", StoreUnavailable("away"))
    async with running(flaky, settings, flush_interval_ms=1, retry_backoff_max_ms=10) as sink:
        outcomes = [await written(sink, [location()])]
        async with asyncio.timeout(30):
            while not sink._late["location_events"]:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        outcomes.append(await written(sink, [location()]))
        await sink._flush()  # as if it had been due just before
        flaky.broken = None
        for outcome in outcomes:
            await durable(outcome)


async def test_tables_that_are_held_leave_a_bounded_room(flaky: FlakyStore, settings: Settings) -> None:
    flaky.broken = ("location_events", StoreRefused("Code: 16. No such column lat", 16, "lat"))
    async with running(flaky, settings, unacked_rows_limit=40, retry_backoff_max_ms=50) as sink:
        stuck = [await written(sink, [location() for _ in range(130)])]
        await _held(sink)
        flaky.broken = ("location_events", StoreUnavailable("away"))
        async with asyncio.timeout(30):
            await sink.write(Outcome().delivery([user()], "user_events"))
            more = asyncio.create_task(sink.write(Outcome().delivery([user()], "user_events")))
            await more  # once the first is durable: others go on, a batch at a time
        flaky.broken = None
        for outcome in stuck:
            await durable(outcome)


async def _held(sink: Sink) -> Held:
    until_s = asyncio.get_running_loop().time() + 30
    while (held := sink.held("location_events")) is None:
        assert asyncio.get_running_loop().time() < until_s
        await asyncio.sleep(0.01)
    return held


async def test_writers_wait_while_too_much_is_in_flight(flaky: FlakyStore, settings: Settings) -> None:
    gate = asyncio.Event()
    original = FlakyStore.insert

    async def insert(table: str, rows: bytes, form: str = "JSONEachRow") -> None:
        await gate.wait()
        await original(flaky, table, rows, form)

    flaky.insert = insert  # type: ignore[method-assign]
    async with running(flaky, settings, unacked_rows_limit=2) as sink:
        outcomes = [Outcome() for _ in range(3)]
        await sink.write(outcomes[0].delivery([location()]))
        await sink.write(outcomes[1].delivery([location()]))
        third = asyncio.create_task(sink.write(outcomes[2].delivery([location()])))
        done, _ = await asyncio.wait({third}, timeout=0.2)
        assert not done
        gate.set()
        await asyncio.wait_for(third, 20)
        await asyncio.wait_for(asyncio.gather(*(o.durable.wait() for o in outcomes)), 20)


async def test_one_delivery_above_the_limit_still_passes(store: ClickHouse, settings: Settings) -> None:
    async with running(store, settings, unacked_bytes_limit=10) as sink:
        outcome = Outcome()
        await asyncio.wait_for(sink.write(outcome.delivery([location()])), 5)
        await asyncio.wait_for(outcome.durable.wait(), 20)


async def test_a_store_that_refuses_to_describe_itself_refuses_no_rows(
    flaky: FlakyStore, settings: Settings
) -> None:
    """Asked before the first insert; the answer says nothing about the rows."""
    refusals = 2

    async def select(sql: str, *given: Any, **more: Any) -> list[dict[str, Any]]:
        nonlocal refusals
        if refusals:
            refusals -= 1
            message = "Code: 497. DB::Exception: not enough privileges"
            raise StoreRefused(message, code=497)
        return await FlakyStore.select(flaky, sql, *given, **more)

    flaky.select = select  # type: ignore[method-assign]
    async with running(flaky, settings) as sink:
        layout = await sink.layout("location_events")
        refusals = 2
        outcome, row = Outcome(), location()
        whole = outcome.delivery([row])
        await sink.write(Delivery.of(whole.table, [row], whole.durable, whole.refused, layout=layout))
        await asyncio.wait_for(outcome.durable.wait(), 20)
    assert outcome.refused == []
    assert await ids(flaky) == [row["event_id"]]


async def test_draining_flushes_what_no_limit_would_have(store: ClickHouse, settings: Settings) -> None:
    async with running(store, settings, flush_interval_ms=3_600_000) as sink:
        outcome = Outcome()
        await sink.write(outcome.delivery([location()]))
        assert await sink.drain(20)
        assert outcome.durable.is_set()


async def test_draining_gives_up_when_the_store_is_away(flaky: FlakyStore, settings: Settings) -> None:
    def away() -> None:
        message = "away"
        raise StoreUnavailable(message)

    flaky.fault = away
    async with running(flaky, settings) as sink:
        outcome = Outcome()
        await sink.write(outcome.delivery([location()]))
        assert not await sink.drain(0.2)
        assert not outcome.durable.is_set()


class HangingStore(ClickHouse):
    """The real store that answers nothing until it is let go on."""

    let_go = asyncio.Event()

    async def insert(self, table: str, rows: Body | bytes, form: str = "JSONEachRow") -> None:
        await self.let_go.wait()
        await super().insert(table, rows, form)


async def test_a_store_that_has_frozen_shows_before_anything_fails(
    store: ClickHouse, settings: Settings
) -> None:
    assert store.database
    frozen = HangingStore.open(settings)
    frozen.let_go = asyncio.Event()
    async with running(frozen, settings, flush_interval_ms=1) as sink:
        assert sink.writing_s == 0
        outcome = await written(sink, [location()])
        until_s = asyncio.get_running_loop().time() + 30
        while sink.writing_s < 0.2:
            assert asyncio.get_running_loop().time() < until_s
            await asyncio.sleep(0.01)
        assert sink.available, "no insert has failed"
        frozen.let_go.set()
        await durable(outcome)
        assert sink.writing_s == 0
    await frozen.close()
