"""Dead letters on a real broker: the record's own bytes, with a reason, whatever happens to the broker."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import NewTopic
from prometheus_client import CollectorRegistry

from openride_stream.clock import SystemClock
from openride_stream.events import topics
from openride_stream.events.records import Record
from openride_stream.events.rejects import Reject
from openride_stream.events.topics import SourceTopic
from openride_stream.kafka import dead_letters as module
from openride_stream.kafka.admin import open_admin
from openride_stream.kafka.dead_letters import DeadLetters, dead_letter_headers
from openride_stream.kafka.dlq.reading import open_reader
from openride_stream.kafka.topics import DEAD_LETTER_MAX_MESSAGE_BYTES, create_topics
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings
from tests.fixtures.broker import EmbeddedBroker, at
from tests.fixtures.clock import ManualClock
from tests.fixtures.services import required_service

TOPIC = "openride.events.trip"
PARTITION = 2
DEADLINE_S = 60.0
CONTRACT = {
    "dlq.topic", "dlq.partition", "dlq.offset", "dlq.timestamp", "dlq.error.class", "dlq.error.message",
    "dlq.first_seen", "dlq.attempts", "dlq.worker",
}  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """A record that any producer may send: header values may be null."""

    value: bytes | None = b"{}"
    key: bytes | None = None
    offset: int = 41
    timestamp: int = 1_772_000_000_123
    headers: Sequence[tuple[str, bytes]] = ()


def reject(record: Record, message: str = "driver_id: not a UUID") -> Reject:
    return Reject(record, "InvalidField", message)


@pytest.fixture
def broker(start_broker: Callable[[], EmbeddedBroker]) -> EmbeddedBroker:
    return start_broker()


@pytest.fixture
def settings(broker: EmbeddedBroker) -> Settings:
    return Settings(
        _env_file=None,
        kafka_bootstrap_servers=broker.bootstrap,
        topic_partitions=3,
        retry_backoff_min_ms=10,
        retry_backoff_max_ms=200,
    )


@pytest.fixture
async def letters(settings: Settings, clock: ManualClock) -> AsyncIterator[DeadLetters]:
    await create_topics(settings)
    opened = await DeadLetters.open(settings, "worker-1", Metrics(), clock)
    yield opened
    await opened.close()


async def read(settings: Settings, count: int) -> list[ConsumerRecord]:
    """The first `count` dead letters of the partition."""
    found: list[ConsumerRecord] = []
    async with AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=None,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8_000_000,
    ) as consumer:
        consumer.assign([TopicPartition(f"{TOPIC}.dlq", PARTITION)])
        async with asyncio.timeout(DEADLINE_S):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
    return found


Publish = Callable[[Sequence[Record]], Awaitable[list[ConsumerRecord]]]


@pytest.fixture
def publish(letters: DeadLetters, settings: Settings) -> Publish:
    """Publishes rejects of records and reads them back from the broker."""

    async def once(records: Sequence[Record]) -> list[ConsumerRecord]:
        async with asyncio.timeout(DEADLINE_S):
            await letters.publish(TOPIC, PARTITION, [reject(record) for record in records])
        return await read(settings, len(records))

    return once


async def test_a_dead_letter_says_where_from_and_why(publish: Publish, clock: ManualClock) -> None:
    own = [("trace", b"1"), ("trace", b"2")]
    (letter,) = await publish([Sent(b'{"driver_id": 7}', b"k", headers=own)])
    assert (letter.key, letter.value) == (b"k", b'{"driver_id": 7}')
    assert list(letter.headers[:2]) == own
    headers = dict(letter.headers[2:])
    assert headers.keys() == CONTRACT
    assert headers == {
        "dlq.topic": TOPIC.encode(),
        "dlq.partition": b"2",
        "dlq.offset": b"41",
        "dlq.timestamp": b"1772000000123",
        "dlq.error.class": b"InvalidField",
        "dlq.error.message": b"driver_id: not a UUID",
        "dlq.first_seen": b"%d" % clock.now_ms(),
        "dlq.attempts": b"1",
        "dlq.worker": b"worker-1",
    }


async def test_records_keep_their_bytes_and_their_order(publish: Publish) -> None:
    records = [
        Sent(None),
        Sent(b"", b""),
        Sent(b"\xff\x00", None),
        Sent(None, b"key alone"),
        Sent(b"x" * 2_000_000, b"large"),
        *(Sent(b"y" * 100_000, b"%d" % number) for number in range(12)),
        Sent(b"{}", headers=[("null", None), ("", b"")]),  # type: ignore[list-item]  # Kafka allows null
    ]
    found = await publish(records)
    assert [(r.key, r.value) for r in found] == [(r.key, r.value) for r in records]
    assert found[-1].headers[:2] == (("null", None), ("", b""))


async def test_a_redriven_record_keeps_its_origin_and_counts(publish: Publish, clock: ManualClock) -> None:
    (first,) = await publish([Sent(offset=7)])
    clock.advance(3600)
    again = Sent(first.value, first.key, offset=900, timestamp=1_772_999_999_999, headers=first.headers)
    second = (await publish([again, again]))[1]
    before, after = dict(first.headers), dict(second.headers)
    for name in ("dlq.topic", "dlq.partition", "dlq.offset", "dlq.timestamp", "dlq.first_seen"):
        assert after[name] == before[name]
    assert after["dlq.attempts"] == b"2"
    assert len(second.headers) == len(after)


@pytest.mark.parametrize("attempts", [None, b"", b"-1", b"many", b"9" * 5000, "²".encode()])
def test_no_header_that_a_producer_sends_stops_us(attempts: bytes | None) -> None:
    record = Sent(headers=[("dlq.attempts", attempts), ("dlq.offset", b"spoofed")])  # type: ignore[list-item]
    headers = dict(dead_letter_headers(TOPIC, PARTITION, reject(record), "w", 0))
    assert headers["dlq.attempts"] == b"1"
    assert headers["dlq.offset"] == b"41"


async def test_a_broker_that_hangs_gets_them_when_it_answers_again(
    broker: EmbeddedBroker, letters: DeadLetters, settings: Settings
) -> None:
    await letters.publish(TOPIC, PARTITION, [reject(Sent(b"before"))])
    with broker.frozen():
        publishing = asyncio.create_task(letters.publish(TOPIC, PARTITION, [reject(Sent(b"during"))] * 5))
        done, _ = await asyncio.wait({publishing}, timeout=1.0)
        assert not done, "said to be acknowledged by a broker that does not answer"
    await asyncio.wait_for(publishing, DEADLINE_S)
    assert [letter.value for letter in await read(settings, 6)] == [b"before", *[b"during"] * 5]


async def test_a_broker_that_is_killed_is_waited_for(broker: EmbeddedBroker, letters: DeadLetters) -> None:
    await letters.publish(TOPIC, PARTITION, [reject(Sent(b"before"))])
    broker.kill()
    publishing = asyncio.create_task(letters.publish(TOPIC, PARTITION, [reject(Sent(b"during"))] * 5))
    done, _ = await asyncio.wait({publishing}, timeout=1.0)
    assert not done, "said to be acknowledged by a broker that is dead"
    broker.start()
    # Read back they cannot be: this broker comes back without topics, and takes what no topic will show.
    await asyncio.wait_for(publishing, DEADLINE_S)


async def test_only_what_was_acknowledged_is_counted(
    letters: DeadLetters, settings: Settings, clock: ManualClock
) -> None:
    metrics = Metrics()
    opened = await DeadLetters.open(settings, "worker-2", metrics, clock)
    await opened.publish(TOPIC, PARTITION, [reject(Sent(b"1")), reject(Sent(b"2"))])
    await opened.close()
    assert published(metrics.registry) == 2


@pytest.fixture
def own_topic(monkeypatch: pytest.MonkeyPatch) -> SourceTopic:
    """A topic that no other test of a shared Kafka knows."""
    topic = replace(topics.BY_NAME[TOPIC], name=f"test.{uuid.uuid4()}")
    monkeypatch.setitem(topics.BY_NAME, topic.name, topic)
    return topic


@pytest.mark.kafka
async def test_what_kafka_finds_too_large_goes_without_its_value_and_blocks_nobody(
    own_topic: SourceTopic, clock: ManualClock
) -> None:
    bootstrap = required_service("OPENRIDE_TEST_KAFKA", "the host:port of an Apache Kafka")
    settings = Settings(_env_file=None, kafka_bootstrap_servers=bootstrap)
    clock.ms = SystemClock().now_ms()
    limit = {"max.message.bytes": str(DEAD_LETTER_MAX_MESSAGE_BYTES)}
    async with open_admin(at(bootstrap)) as admin:
        await admin.create_topics([NewTopic(own_topic.dead_letter_topic, 1, 1, topic_configs=limit)])
    noise = random.Random(7).randbytes(5_000_000)
    records = [
        Sent(b"before"),
        Sent(b" " * 30_000_000),  # came in compressed to a few kilobytes, and goes out so
        Sent(noise, b"key", headers=[("trace", b"1")]),
        Sent(b"large headers too", headers=[("noise", noise)]),
        Sent(b"after"),
    ]
    metrics = Metrics()
    try:
        opened = await DeadLetters.open(settings, "worker-1", metrics, clock)
        async with asyncio.timeout(DEADLINE_S):
            told = await opened.publish(own_topic.name, 0, [reject(record) for record in records])
        await opened.close()
        async with open_reader(settings, [own_topic.name]) as reader:
            found = [letter async for run in reader.runs() for letter in run]
    finally:
        async with open_admin(at(bootstrap)) as admin:
            await admin.delete_topics([own_topic.dead_letter_topic])
    assert [letter.value for letter in found] == [b"before", records[1].value, None, None, b"after"]
    assert [letter.offset for letter in told] == [0, 1, 2, 3, 4]
    assert (found[2].size_bytes, found[2].sha256()) == (5_000_000, sha256(noise).hexdigest())
    assert (found[2].key, found[2].headers, found[2].error) == (b"key", [("trace", b"1")], "InvalidField")
    assert (found[3].size_bytes, found[3].headers) == (17, [])
    left_out = metrics.registry.get_sample_value(
        "openride_dead_letters_left_out_total", {"topic": own_topic.name}
    )
    assert left_out == 2


async def test_a_value_that_no_broker_would_take_is_not_tried(
    letters: DeadLetters, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_VALUE_BYTES", 1000)
    values = [b"before", b"x" * 1001, b"after"]
    await letters.publish(TOPIC, PARTITION, [reject(Sent(value)) for value in values])
    found = await read(settings, 3)
    assert [record.value for record in found] == [b"before", None, b"after"]
    headers = dict(found[1].headers)
    assert (headers["dlq.value.bytes"], headers["dlq.offset"]) == (b"1001", b"41")
    assert headers["dlq.value.sha256"] == sha256(values[1]).hexdigest().encode()


async def test_many_batches_follow_each_other_without_a_pause(
    letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "_first_pause_s", DEADLINE_S)
    async with asyncio.timeout(DEADLINE_S / 2):
        await letters.publish(TOPIC, PARTITION, [reject(Sent(b"z" * 200_000))] * 10)


def published(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value("openride_dead_letters_published_total", {"topic": TOPIC})
