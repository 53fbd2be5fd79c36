"""Purge: the oldest dead letters go where the broker can delete, and a clear error says where it cannot."""

import uuid
from dataclasses import replace

import pytest
from aiokafka.admin import NewTopic

from openride_stream.clock import SystemClock
from openride_stream.events import topics
from openride_stream.events.topics import SourceTopic
from openride_stream.kafka.admin import open_admin
from openride_stream.kafka.dead_letters import DeadLetters
from openride_stream.kafka.dlq.purging import PurgeRefused, cuts_before, purge, require_deletion
from openride_stream.kafka.dlq.reading import open_reader
from openride_stream.kafka.topics import create_topics
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings
from tests.fixtures.broker import at
from tests.fixtures.clock import ManualClock
from tests.fixtures.services import required_service
from tests.kafka.dlq.test_redriving import Memory, rejects

TOPIC = "openride.events.trip"


async def publish(settings: Settings, clock: ManualClock, topic: str, *values: bytes) -> None:
    letters = await DeadLetters.open(settings, "worker-1", Metrics(), clock)
    await letters.publish(topic, 0, rejects(*values))
    await letters.close()


async def test_a_broker_that_cannot_delete_says_so_and_nothing_is_lost(
    settings: Settings, clock: ManualClock
) -> None:
    await create_topics(settings)
    await publish(settings, clock, TOPIC, b"1", b"2")
    async with open_reader(settings, [TOPIC]) as reader:
        cuts = await cuts_before(reader, None, Memory())
    assert [(cut.until, cut.letters, cut.open) for cut in cuts] == [(2, 2, 2)]
    for attempt in (require_deletion, purge):
        with pytest.raises(PurgeRefused, match="cannot delete records"):
            await attempt(settings, cuts)


async def test_a_time_keeps_all_that_is_behind_it(settings: Settings, clock: ManualClock) -> None:
    await create_topics(settings)
    await publish(settings, clock, TOPIC, b"1", b"2")
    before_ms = clock.now_ms() + 1
    clock.advance(60)
    await publish(settings, clock, TOPIC, b"3")
    async with open_reader(settings, [TOPIC]) as reader:
        (cut,) = await cuts_before(reader, before_ms, Memory())
        assert (cut.until, cut.letters) == (2, 2)
        assert await cuts_before(reader, before_ms - 1, Memory()) == []


@pytest.fixture
def own_topic(monkeypatch: pytest.MonkeyPatch) -> SourceTopic:
    """A source topic of this test's own: the given Kafka is shared."""
    topic = replace(topics.BY_NAME[TOPIC], name=f"test.{uuid.uuid4().hex[:12]}")
    monkeypatch.setitem(topics.BY_NAME, topic.name, topic)
    return topic


@pytest.mark.kafka
async def test_kafka_deletes_the_oldest(own_topic: SourceTopic, clock: ManualClock) -> None:
    bootstrap = required_service("OPENRIDE_TEST_KAFKA", "the host:port of an Apache Kafka")
    settings = Settings(_env_file=None, kafka_bootstrap_servers=bootstrap)
    clock.ms = SystemClock().now_ms()
    dead = own_topic.dead_letter_topic
    async with open_admin(at(bootstrap)) as admin:
        await admin.create_topics([NewTopic(dead, 1, 1)])
    try:
        await publish(settings, clock, own_topic.name, b"1", b"2", b"3")
        before_ms = clock.now_ms() + 1
        clock.advance(60)
        await publish(settings, clock, own_topic.name, b"4")
        async with open_reader(settings, [own_topic.name]) as reader:
            cuts = await cuts_before(reader, before_ms, Memory())
        await require_deletion(settings, cuts)
        async with open_reader(settings, [own_topic.name]) as reader:
            assert [(extent.start, extent.end) for extent in reader.extents] == [(0, 4)], "it only asked"
        assert list((await purge(settings, cuts)).values()) == [3]
        async with open_reader(settings, [own_topic.name]) as reader:
            assert [letter.value async for run in reader.runs() for letter in run] == [b"4"]
            everything = await cuts_before(reader, None, Memory())
        await purge(settings, everything)
        async with open_reader(settings, [own_topic.name]) as reader:
            assert reader.extents == []
    finally:
        async with open_admin(at(bootstrap)) as admin:
            await admin.delete_topics([dead])
