"""Live tables on a broker: what one worker sees all know, and a batch hears when its part is written."""

import asyncio
import logging
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import Clock, SystemClock
from openride_stream.errors import BrokerUnavailable, StoreRefused, StoreUnavailable
from openride_stream.events.accept import accept
from openride_stream.events.records import RecordBatch
from openride_stream.kafka.admin import open_admin
from openride_stream.kafka.changelog import LIVE_TOPIC
from openride_stream.kafka.changelog_reader import ChangelogReader
from openride_stream.kafka.topics import create_topics
from openride_stream.settings import Settings
from tables.changes import decoded, encoded
from tables.drivers import DriverPosition, positions
from tables.live import LiveTables
from tables.placed_behind import MARK
from tables.series import ALL_SERIES, HOUR_MS
from tables.sightings import Sightings
from tests.events.batches import POLICY, FakeRecord
from tests.fixtures.broker import EmbeddedBroker
from tests.tables.rides import moved
from tests.tables.test_realtime import of_type, seen, topic_of

DEADLINE_S = 60.0


@pytest.fixture
async def settings(fresh_kafka: str) -> Settings:
    made = Settings(kafka_bootstrap_servers=fresh_kafka, topic_partitions=3)
    await create_topics(made)
    return made


class JumpingClock(SystemClock):
    """A wall clock that somebody sets."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


@pytest.fixture(autouse=True)
def nothing_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(store: ClickHouse, now_ms: int, live_ms: int) -> Sightings:
        return {}

    monkeypatch.setattr("tables.live.refilled", nothing)


@asynccontextmanager
async def opened(settings: Settings, clock: Clock | None = None) -> AsyncIterator[LiveTables]:
    live = LiveTables(settings)
    store = ClickHouse.open(settings)  # nobody is there, and nobody asks
    await live.open(clock or SystemClock(), store, misreports_end=True)
    running = asyncio.create_task(live.run())
    try:
        yield live
        assert not running.done(), running.exception()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await live.close()
        await store.close()


async def apply(live: LiveTables, drivers: int) -> list[str]:
    """Have a worker see that many drivers; the answer is what the batch heard by the end of a drain."""
    now_ms = SystemClock().now_ms()
    pings = [moved(ping, now_ms) for ping in of_type("driver.location.updated", 100)]
    chosen = list({ping["driver_id"]: ping for ping in pings}.values())[:drivers]
    topic = topic_of(chosen[0])
    records = [FakeRecord(orjson.dumps(ping), place, now_ms) for place, ping in enumerate(chosen)]
    batch = RecordBatch(topic, 2, records)
    heard = ["owed"]
    await live.apply(batch, accept(batch, POLICY, now_ms), lambda: lambda: heard.append("written"))
    assert heard == ["owed"]
    assert await live.drain(DEADLINE_S)
    return heard


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


async def until_known(live: LiveTables, drivers: int) -> None:
    await until(lambda: live.figures(SystemClock().now_ms(), "NGN").active_drivers == drivers)


async def test_what_one_worker_sees_all_know_and_who_comes_later_as_well(settings: Settings) -> None:
    async with opened(settings) as seeing, opened(settings) as other:
        assert await apply(seeing, 7) == ["owed", "written"]
        await until_known(seeing, 7)
        await until_known(other, 7)
        assert await apply(other, 9) == ["owed", "written"]
        await until_known(seeing, 9)
        assert seeing.sizes()["drivers"] == 9
    async with opened(settings) as late:
        assert late.trouble(SystemClock().now_ms()) == "live tables are being read"
        await until_known(late, 9)
        await until(lambda: late.trouble(SystemClock().now_ms()) is None)
        assert "s behind" in (late.trouble(SystemClock().now_ms() + 60_000) or "")


async def test_every_worker_knows_where_drivers_are_and_so_does_one_that_starts(settings: Settings) -> None:
    def drivers(live: LiveTables) -> list[DriverPosition]:
        return positions(live.state, SystemClock().now_ms(), None, 100)[1]

    async with opened(settings) as seeing, opened(settings) as other:
        await apply(seeing, 7)
        await until(lambda: len(drivers(seeing)) == len(drivers(other)) == 7)
        assert drivers(seeing) == drivers(other)
        told = drivers(other)
        await apply(other, 7)
        await until(lambda: {one.driver_id for one in drivers(seeing)} == {one.driver_id for one in told})
    async with opened(settings) as late:
        await until(lambda: {one.driver_id for one in drivers(late)} == {one.driver_id for one in told})


async def test_what_a_worker_of_the_version_before_left_out_is_read_from_the_store(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = SystemClock().now_ms()
    added = seen([moved(of_type("driver.location.updated", 1)[0], now_ms)])
    asked: list[int] = []

    async def stored(store: ClickHouse, now_ms: int, live_ms: int) -> Sightings:
        asked.append(now_ms)
        return added if len(asked) > 1 else {}

    monkeypatch.setattr("tables.live.refilled", stored)
    monkeypatch.setattr("tables.live._COMPLETED_AFTER_S", 0.2)
    row = encoded({series: facts for series, facts in added.items() if series in ALL_SERIES})[
        : -2 - len(MARK)
    ]
    async with opened(settings) as live:
        await until(lambda: live.trouble(SystemClock().now_ms()) is None)
        async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
            await producer.send_and_wait(LIVE_TOPIC, row)
        await until(lambda: positions(live.state, SystemClock().now_ms(), None, 10)[0] == 1)


async def test_a_row_that_is_none_is_skipped_and_the_rest_is_read(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
        await producer.send_and_wait(LIVE_TOPIC, b"\x01nonsense", partition=2)
    with caplog.at_level(logging.WARNING):
        async with opened(settings) as live:
            await apply(live, 3)
            await until_known(live, 3)
    assert "a row is skipped" in caplog.text


async def test_a_changelog_that_cannot_be_read_leaves_the_worker_alive_and_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([BrokerUnavailable("corrupt")])
    read = ChangelogReader.read

    async def failing(self: ChangelogReader, timeout_s: float) -> list[bytes]:
        for failure in failures:
            raise failure
        return await read(self, timeout_s)

    monkeypatch.setattr(ChangelogReader, "read", failing)
    monkeypatch.setattr("tables.live._PAUSE_S", 0.01)
    async with opened(settings) as live:
        await apply(live, 3)
        await until_known(live, 3)


async def test_a_broker_that_stands_still_is_not_taken_for_a_quiet_one(
    start_broker: Callable[[], EmbeddedBroker],
) -> None:
    broker = start_broker()
    settings = Settings(kafka_bootstrap_servers=broker.bootstrap, topic_partitions=3)
    await create_topics(settings)
    async with opened(settings) as live:
        await until(lambda: live.trouble(SystemClock().now_ms()) is None)
        with broker.frozen():
            await until(lambda: "behind" in (live.trouble(SystemClock().now_ms()) or ""))
        await until(lambda: live.trouble(SystemClock().now_ms()) is None)


async def test_a_topic_that_was_made_again_is_read_by_all_from_its_beginning(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(settings) as live, opened(settings) as other:
        await apply(live, 7)
        await until_known(live, 7)
        async with open_admin(settings) as admin:
            await admin.delete_topics([LIVE_TOPIC])
        await create_topics(settings)
        await until(lambda: live.sizes()["drivers"] == other.sizes()["drivers"] == 0)
        await apply(other, 9)
        await until_known(live, 9)
        await until_known(other, 9)


async def test_a_clock_that_jumps_ahead_and_back_costs_nothing(settings: Settings) -> None:
    clock = JumpingClock()
    async with opened(settings, clock) as live:
        await apply(live, 7)
        await until_known(live, 7)
        clock.ahead_ms = 8 * HOUR_MS
        await until(lambda: live.sizes()["drivers"] == 0)
        clock.ahead_ms = 0
        await until_known(live, 7)
        await until(lambda: live.trouble(SystemClock().now_ms()) is None)


async def test_a_row_that_claims_to_be_enormous_or_absurd_costs_no_worker(settings: Settings) -> None:
    now_ms = SystemClock().now_ms()
    enormous = struct.pack("<BqBBI", 1, now_ms, 1, 8, 0xFFFF_FFFF)
    absurd = struct.pack("<BqBBIQIBd", 1, now_ms, 1, 8, 1, 1, 0, 2, 1e300)
    assert decoded(struct.pack("<BqBBIQIBd", 1, now_ms, 1, 8, 1, 1, 0, 2, 12.0))
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
        for row in (enormous, absurd):
            await producer.send_and_wait(LIVE_TOPIC, row)
    async with opened(settings) as live:
        await apply(live, 3)
        await until_known(live, 3)
        assert live.figures(now_ms, "NGN").queue_times["redis_immediate"].count == 0


async def test_a_store_that_refuses_or_is_away_is_asked_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([StoreRefused("not enough privileges", 497), StoreUnavailable("away")])

    async def failing(store: ClickHouse, now_ms: int, live_ms: int) -> Sightings:
        for failure in failures:
            raise failure
        return seen([moved(of_type("driver.location.updated", 1)[0], now_ms - 1)])

    monkeypatch.setattr("tables.live.refilled", failing)
    monkeypatch.setattr("tables.live._PAUSE_S", 0.01)
    async with opened(settings) as live:
        await until_known(live, 1)
        await until(lambda: live.trouble(SystemClock().now_ms()) is None)


async def test_a_rewind_that_fails_is_tried_again_and_nothing_is_forgotten_before(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = JumpingClock()
    async with opened(settings, clock) as live:
        await apply(live, 7)
        await until_known(live, 7)
        rewind, tried = ChangelogReader.rewind, []

        async def failing(self: ChangelogReader, since_ms: int) -> None:
            tried.append(live.sizes()["drivers"])
            if len(tried) < 3:
                raise BrokerUnavailable("away")
            await rewind(self, since_ms)

        monkeypatch.setattr(ChangelogReader, "rewind", failing)
        monkeypatch.setattr("tables.live._PAUSE_S", 0.01)
        clock.ahead_ms = 30_000
        await until(lambda: len(tried) == 3)
        assert tried[:2] == [7, 7]
        await until_known(live, 7)
        await until(lambda: live.trouble(clock.now_ms()) is None)
