"""The changelog of the live tables: what was written is read by everyone, also when the broker goes away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from openride_stream.clock import SystemClock
from openride_stream.kafka.changelog import Change, ChangelogReader, ChangelogWriter
from openride_stream.kafka.topics import create_topics
from openride_stream.settings import Settings
from tests.fixtures.broker import EmbeddedBroker
from tests.fixtures.services import required_service

DEADLINE_S = 60.0


@asynccontextmanager
async def writing(settings: Settings) -> AsyncIterator[ChangelogWriter]:
    writer = await ChangelogWriter.open(settings)
    running = asyncio.create_task(writer.run())
    try:
        yield writer
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await writer.close()


async def read_all(settings: Settings, since_ms: int = 0, *, misreports_end: bool = True) -> list[bytes]:
    reader = await ChangelogReader.open(settings, since_ms, misreports_end)
    try:
        async with asyncio.timeout(DEADLINE_S):
            found: list[bytes] = []
            while True:
                found += await reader.read(0.2)
                if await reader.caught_up():
                    return found
    finally:
        await reader.close()


async def test_rows_of_every_partition_are_read_and_told_to_be_written(
    settings: Settings,
) -> None:
    await create_topics(settings)
    assert await read_all(settings) == []
    written: list[int] = []
    async with writing(settings) as writer:
        for number in range(1200):
            await writer.write(Change(number % 3, b"%d" % number, partial(written.append, number)))
        assert await writer.drain(DEADLINE_S)
    assert sorted(written) == list(range(1200))
    assert sorted(map(int, await read_all(settings))) == list(range(1200))


async def test_a_writer_that_is_ahead_of_the_broker_holds_up_its_callers_and_loses_nothing(
    start_broker: Callable[[], EmbeddedBroker],
) -> None:
    broker = start_broker()
    settings = Settings(kafka_bootstrap_servers=broker.bootstrap, topic_partitions=3)
    await create_topics(settings)
    written: list[int] = []
    row = bytes(1_000_000)
    async with writing(settings) as writer:
        with broker.frozen():

            async def write_all() -> None:
                for number in range(40):
                    await writer.write(Change(0, row, partial(written.append, number)))

            all_written = asyncio.create_task(write_all())
            await asyncio.sleep(0)  # so that it has begun
            assert not await writer.drain(0.2)
            assert not all_written.done(), "it waits for room"
            assert not written
        async with asyncio.timeout(DEADLINE_S):
            await all_written
        assert await writer.drain(DEADLINE_S)
    assert sorted(written) == list(range(40))
    assert len(await read_all(settings)) >= 40


@pytest.mark.kafka
async def test_apache_kafka_is_read_from_the_moment_asked_for() -> None:
    kafka = required_service("OPENRIDE_TEST_KAFKA", "the host:port of an Apache Kafka")
    settings = Settings(kafka_bootstrap_servers=kafka)
    await create_topics(settings)
    async with writing(settings) as writer:
        await writer.write(Change(1, b"before", lambda: None))
        assert await writer.drain(DEADLINE_S)
        since_ms = SystemClock().now_ms() + 5
        await asyncio.sleep(0.01)
        await writer.write(Change(1, b"after", lambda: None))
        assert await writer.drain(DEADLINE_S)
    assert await read_all(settings, since_ms, misreports_end=False) == [b"after"]
    assert await read_all(settings, since_ms + 3_600_000, misreports_end=False) == []
