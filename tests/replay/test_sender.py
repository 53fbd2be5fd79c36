from collections import defaultdict
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.partitioner import DefaultPartitioner

from openride_stream.errors import BrokerUnavailable
from openride_stream.replay.parcels import Parcel
from openride_stream.replay.sender import Sender
from tests.fixtures.broker import EmbeddedBroker, at
from tests.replay.passes import parcels

TOPIC = "openride.events.user"
PARTITIONS = 3


async def create(bootstrap: str, topics: list[str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in topics])
    await admin.close()


async def read(bootstrap: str, topics: list[str], count: int) -> dict[tuple[str, int], list[Parcel]]:
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found = defaultdict(list)
    try:
        for _ in range(count):
            record = await consumer.getone()
            parcel = Parcel(record.timestamp, record.topic, record.key, record.value, None)
            found[record.topic, record.partition].append(parcel)
    finally:
        await consumer.stop()
    return found


async def test_everything_arrives_in_order_where_kafkas_own_partitioner_would_put_it(
    fresh_kafka: str,
) -> None:
    sent = parcels(60, duplicates=0.1, bad=0.05)
    topics = sorted({parcel.topic for parcel in sent})
    await create(fresh_kafka, topics)
    sender = Sender(at(fresh_kafka))
    await sender.start(topics)
    try:
        for start in range(0, len(sent), 700):
            await sender.send(sent[start : start + 700], 1_700_000_000_123)
        await sender.flush()
    finally:
        await sender.close()
    assert sender.acknowledged == len(sent)

    found = await read(fresh_kafka, topics, len(sent))
    expected = defaultdict(list)
    for parcel in sent:
        expected[parcel.topic].append((parcel.key, parcel.value))
    for topic in topics:
        arrived = [(p.key, p.value) for n in range(PARTITIONS) for p in found[topic, n]]
        assert sorted(arrived, key=repr) == sorted(expected[topic], key=repr)
    for (topic, partition), records in found.items():
        keyed = [(record.key, record.value) for record in records if record.key]
        places = {DefaultPartitioner()(key, list(range(PARTITIONS)), []) for key, _ in keyed}
        assert places <= {partition}
        for key in {key for key, _ in keyed}:
            in_order = [value for k, value in expected[topic] if k == key]
            assert [value for k, value in keyed if k == key] == in_order
        assert {record.at_ms for record in records} == {1_700_000_000_123}


async def test_a_missing_topic_is_named_and_not_created_by_asking(fresh_kafka: str) -> None:
    await create(fresh_kafka, [TOPIC])
    with pytest.raises(BrokerUnavailable, match=r"no topic openride\.events\.trip"):
        await Sender(at(fresh_kafka)).start([TOPIC, "openride.events.trip"])
    admin = AIOKafkaAdminClient(bootstrap_servers=fresh_kafka)
    await admin.start()
    assert "openride.events.trip" not in await admin.list_topics()
    await admin.close()


async def test_a_lost_broker_is_an_error_that_counts_what_is_missing(
    start_broker: Callable[[], EmbeddedBroker],
) -> None:
    broker = start_broker()
    await create(broker.bootstrap, [TOPIC])
    sender = Sender(at(broker.bootstrap), timeout_s=1.0)
    await sender.start([TOPIC])
    broker.kill()
    await sender.send([Parcel(0, TOPIC, b"k", b"{}", None)], 1)
    with pytest.raises(BrokerUnavailable, match=r"1 records for openride\.events\.user"):
        await sender.flush()
    assert sender.acknowledged == 0
    await sender.close()


async def test_nobody_answering_is_one_clear_error() -> None:
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1 cannot be reached"):
        await Sender(at("127.0.0.1:1")).start([TOPIC])
