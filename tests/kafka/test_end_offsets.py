import asyncio
import os
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic

from openride_stream.kafka.admin import open_admin
from openride_stream.kafka.end_offsets import broker_misreports_end, true_end_offsets
from tests.fixtures.broker import at

TOPIC = f"end-offsets-{uuid4()}"


async def send_batches(bootstrap: str, partition: int, sizes: list[int]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for size in sizes:
            batch = producer.create_batch()
            for number in range(size):
                batch.append(key=None, value=str(number).encode(), timestamp=None)
            await (await producer.send_batch(batch, TOPIC, partition=partition))


async def test_ends_are_those_of_the_last_record_not_of_the_last_batch(fresh_kafka: str) -> None:
    async with open_admin(at(fresh_kafka)) as admin:
        await admin.create_topics([NewTopic(TOPIC, 4, 1)])
    await send_batches(fresh_kafka, 0, [100])
    await send_batches(fresh_kafka, 1, [3, 1, 50])
    await send_batches(fresh_kafka, 2, [1])
    tps = [TopicPartition(TOPIC, partition) for partition in range(4)]
    async with AIOKafkaConsumer(bootstrap_servers=fresh_kafka, group_id=None) as consumer:
        reported = await consumer.end_offsets(tps)
        true_ends = await true_end_offsets(consumer, reported)
    assert [true_ends[tp] for tp in tps] == [100, 54, 1, 0]
    assert reported != true_ends, "the embedded broker no longer misreports: the shim can go"


async def test_the_embedded_broker_is_caught_misreporting(fresh_kafka: str) -> None:
    assert await broker_misreports_end(at(fresh_kafka))
    assert await broker_misreports_end(at(fresh_kafka))


async def test_probes_of_several_workers_at_once_agree(fresh_kafka: str) -> None:
    verdicts = await asyncio.gather(*(broker_misreports_end(at(fresh_kafka)) for _ in range(4)))
    assert verdicts == [True] * 4


@pytest.fixture
def apache_kafka() -> str:
    bootstrap = os.environ.get("OPENRIDE_TEST_KAFKA")
    if not bootstrap:
        pytest.skip("set OPENRIDE_TEST_KAFKA to the host:port of an Apache Kafka")
    return bootstrap


@pytest.mark.kafka
async def test_apache_kafka_is_not_accused(apache_kafka: str) -> None:
    verdicts = await asyncio.gather(*(broker_misreports_end(at(apache_kafka)) for _ in range(4)))
    assert verdicts == [False] * 4


@pytest.mark.kafka
async def test_true_ends_are_apache_kafka_s_own(apache_kafka: str) -> None:
    async with open_admin(at(apache_kafka)) as admin:
        await admin.create_topics([NewTopic(TOPIC, 2, 1)])
    await send_batches(apache_kafka, 0, [3, 50])
    tps = [TopicPartition(TOPIC, partition) for partition in range(2)]
    async with AIOKafkaConsumer(bootstrap_servers=apache_kafka, group_id=None) as consumer:
        reported = await consumer.end_offsets(tps)
        assert await true_end_offsets(consumer, reported) == reported
