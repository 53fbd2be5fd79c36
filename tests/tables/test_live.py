"""Live tables on a broker: what one worker sees all know, and a batch hears when its part is written."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from openride_stream.clock import SystemClock
from openride_stream.errors import BrokerUnavailable
from openride_stream.events.decode import decode
from openride_stream.events.records import RecordBatch
from openride_stream.kafka.changelog import LIVE_TOPIC, ChangelogReader
from openride_stream.kafka.topics import create_topics
from openride_stream.settings import Settings
from tables.live import LiveTables
from tests.events.batches import POLICY, FakeRecord
from tests.tables.rides import moved
from tests.tables.test_realtime import of_type, topic_of

DEADLINE_S = 60.0


@pytest.fixture
async def settings(fresh_kafka: str) -> Settings:
    made = Settings(kafka_bootstrap_servers=fresh_kafka, topic_partitions=3)
    await create_topics(made)
    return made


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[LiveTables]:
    live = LiveTables(settings)
    await live.open(SystemClock(), misreports_end=True)
    running = asyncio.create_task(live.run())
    try:
        yield live
        assert not running.done(), running.exception()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await live.close()


async def apply(live: LiveTables, drivers: int) -> list[str]:
    """Have a worker see that many drivers; the answer is what the batch heard by the end of a drain."""
    now_ms = SystemClock().now_ms()
    pings = [moved(ping, now_ms) for ping in of_type("driver.location.updated", 100)]
    chosen = list({ping["driver_id"]: ping for ping in pings}.values())[:drivers]
    topic = topic_of(chosen[0])
    records = [FakeRecord(orjson.dumps(ping), place, now_ms) for place, ping in enumerate(chosen)]
    batch = RecordBatch(topic, 2, records)
    heard = ["owed"]
    await live.apply(batch, decode(batch, POLICY, now_ms).rows, lambda: lambda: heard.append("written"))
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
        assert late.trouble(SystemClock().now_ms() + 60_000) == "live tables are 60 s behind"


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
