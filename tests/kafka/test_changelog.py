"""The changelog of the live tables: what was written is read by everyone, also when the broker goes away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from aiokafka.errors import TopicAuthorizationFailedError

from openride_stream.clock import SystemClock
from openride_stream.errors import BrokerUnavailable, Fatal
from openride_stream.kafka.changelog import LIVE_TOPIC, ChangelogWriter
from openride_stream.kafka.changelog_reader import ChangelogReader
from openride_stream.kafka.topics import create_topics
from openride_stream.settings import Settings
from tests.fixtures.broker import EmbeddedBroker
from tests.fixtures.services import required_service

DEADLINE_S = 60.0


@asynccontextmanager
async def writing(settings: Settings) -> AsyncIterator[ChangelogWriter]:
    writer = await ChangelogWriter.open(settings)
    try:
        yield writer
        assert not writer.failed.done()
    finally:
        await writer.close()


@asynccontextmanager
async def reading(
    settings: Settings, since_ms: int = 0, *, misreports_end: bool = True
) -> AsyncIterator[ChangelogReader]:
    reader = await ChangelogReader.open(settings, misreports_end)
    try:
        await reader.rewind(since_ms)
        yield reader
    finally:
        await reader.close()


async def read_all(reader: ChangelogReader) -> list[bytes]:
    async with asyncio.timeout(DEADLINE_S):
        ends = await reader.ends()
        found: list[bytes] = []
        while not await reader.has_read(ends):
            found += await reader.read(0.2)
        return found


async def test_rows_are_read_from_all_partitions_and_told_to_be_written(settings: Settings) -> None:
    await create_topics(settings)
    written: list[int] = []
    async with writing(settings) as writer, reading(settings) as reader:
        assert await read_all(reader) == []
        for number in range(1200):
            await writer.write(b"%d" % number, partial(written.append, number))
        assert await writer.drain(DEADLINE_S)
        assert sorted(written) == list(range(1200))
        assert sorted(map(int, await read_all(reader))) == list(range(1200))


@pytest.mark.parametrize(("place", "times"), [(0, 1), (0, 3), (0, 10**9), (1, 100)])
async def test_a_row_that_shows_after_the_one_behind_it_is_read(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, place: int, times: int
) -> None:
    await create_topics(settings)
    left = times

    async def shown(getmany: Any, **given: Any) -> Any:
        nonlocal left
        found = await getmany(**given)
        for at, records in found.items():
            if left and len(records) > place + 1:
                left -= 1
                found[at] = [*records[:place], *records[place + 1 :]]
        return {at: records for at, records in found.items() if records}

    async with writing(settings) as writer, reading(settings) as reader:
        monkeypatch.setattr(reader._consumer, "getmany", partial(shown, reader._consumer.getmany))
        for number in range(60):
            await writer.write(b"%d" % number, lambda: None)
        assert await writer.drain(DEADLINE_S)
        found = sorted(map(int, await read_all(reader)))
    if times < 10**9:
        assert found == list(range(60))
    else:
        # What is not there however often one looks was deleted: reading goes on behind it.
        assert 0 < len(found) < 60


async def test_a_reader_whose_fetching_has_ended_says_so_and_waits_for_nothing(settings: Settings) -> None:
    await create_topics(settings)
    async with reading(settings) as reader:
        assert await reader.read(0.1) == []
        fetching = reader._consumer._fetcher.error_future
        fetching.cancel()
        await asyncio.wait({fetching})
        with pytest.raises(Fatal, match=LIVE_TOPIC):
            await reader.read(0.1)


async def test_a_writer_that_is_ahead_of_the_broker_holds_up_its_callers_and_loses_nothing(
    start_broker: Callable[[], EmbeddedBroker],
) -> None:
    broker = start_broker()
    settings = Settings(kafka_bootstrap_servers=broker.bootstrap, topic_partitions=3)
    await create_topics(settings)
    written: list[int] = []
    row = bytes(1_000_000)

    async def write_all(writer: ChangelogWriter) -> None:
        for number in range(40):
            await writer.write(row, partial(written.append, number))

    async with writing(settings) as writer:
        with broker.frozen():
            all_written = asyncio.create_task(write_all(writer))
            await asyncio.sleep(0)  # so that it has begun
            assert not await writer.drain(0.2)
            assert not all_written.done(), "it waits for room"
            assert not written
        async with asyncio.timeout(DEADLINE_S):
            await all_written
        assert await writer.drain(DEADLINE_S)
    assert sorted(written) == list(range(40))
    async with reading(settings) as reader:
        assert len(await read_all(reader)) >= 40


async def test_a_broker_that_refuses_is_trouble_and_a_row_that_fails_holds_up_no_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_topics(settings)
    written: list[str] = []
    async with writing(settings) as writer:
        send = writer._producer.send

        async def refusing(topic: str, value: bytes) -> Any:
            if value == b"refused":
                raise TopicAuthorizationFailedError(topic)
            return await send(topic, value)

        monkeypatch.setattr(writer._producer, "send", refusing)
        for _ in range(600):
            await writer.write(b"refused", partial(written.append, "refused"))
        await writer.write(b"taken", partial(written.append, "taken"))
        async with asyncio.timeout(DEADLINE_S):
            while True:
                if written:
                    break
                await asyncio.sleep(0.01)
        assert written == ["taken"]
        assert writer.trouble is not None
        assert "600 rows for openride.live wait" in writer.trouble
        monkeypatch.undo()
        assert await writer.drain(DEADLINE_S)
        assert writer.trouble is None
    assert len(written) == 601


async def test_where_the_log_ends_is_known_from_the_broker_or_not_at_all(
    start_broker: Callable[[], EmbeddedBroker],
) -> None:
    broker = start_broker()
    settings = Settings(kafka_bootstrap_servers=broker.bootstrap, topic_partitions=3)
    await create_topics(settings)
    async with reading(settings) as reader:
        with broker.frozen(), pytest.raises(BrokerUnavailable, match=r"openride\.live"):
            await reader.ends()
        assert await reader.has_read(await reader.ends())
        assert not await reader.is_beyond(await reader.ends())
        for partition in await reader.ends():
            reader._consumer.seek(partition, 7)  # as after the topic was made again
        assert await reader.is_beyond(await reader.ends())


async def test_a_broker_that_is_gone_holds_up_no_stop(start_broker: Callable[[], EmbeddedBroker]) -> None:
    broker = start_broker()
    settings = Settings(kafka_bootstrap_servers=broker.bootstrap, topic_partitions=3)
    await create_topics(settings)
    async with asyncio.timeout(DEADLINE_S):
        async with writing(settings) as writer, reading(settings):
            broker.kill()
            await writer.write(b"lost", lambda: None)
    with pytest.raises(BrokerUnavailable, match=r"openride\.live"):
        await ChangelogWriter.open(settings)
    with pytest.raises(BrokerUnavailable, match=r"openride\.live"):
        await ChangelogReader.open(settings, misreports_end=True)


@pytest.mark.kafka
async def test_apache_kafka_is_read_from_the_moment_asked_for() -> None:
    kafka = required_service("OPENRIDE_TEST_KAFKA", "the host:port of an Apache Kafka")
    settings = Settings(kafka_bootstrap_servers=kafka)
    await create_topics(settings)
    async with writing(settings) as writer:
        await writer.write(b"before", lambda: None)
        assert await writer.drain(DEADLINE_S)
        since_ms = SystemClock().now_ms() + 5
        await asyncio.sleep(0.01)
        await writer.write(b"after", lambda: None)
        assert await writer.drain(DEADLINE_S)
    async with reading(settings, since_ms, misreports_end=False) as reader:
        assert await read_all(reader) == [b"after"]
    async with reading(settings, since_ms + 3_600_000, misreports_end=False) as reader:
        assert await read_all(reader) == []
