import asyncio
import os
from collections.abc import Callable
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic

from openride_stream.errors import BrokerUnavailable
from openride_stream.kafka.admin import open_admin
from openride_stream.kafka.lag import group_lag
from openride_stream.settings import Settings
from tests.fixtures.broker import EmbeddedBroker, at


async def some_lag(bootstrap: str, mend_ends: bool) -> list[tuple[int, int, int | None, int]]:
    """The lag of a group that has committed 4 of 10 records on one of three partitions."""
    topic, group = f"lag-{uuid4()}", f"group-{uuid4()}"
    async with open_admin(at(bootstrap)) as admin:
        await admin.create_topics([NewTopic(topic, 3, 1)])
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        batch = producer.create_batch()
        for _ in range(10):
            batch.append(key=None, value=b"{}", timestamp=None)
        await (await producer.send_batch(batch, topic, partition=1))
    committed = TopicPartition(topic, 1)
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False
    ) as consumer:
        consumer.assign([committed])
        await consumer.commit({committed: 4})
    settings = Settings(kafka_bootstrap_servers=bootstrap, consumer_group=group)
    lags = await group_lag(settings, [topic, "openride.no.such.topic"], mend_ends)
    return [(entry.partition, entry.end, entry.committed, entry.lag) for entry in lags]


EXPECTED = [(0, 0, None, 0), (1, 10, 4, 6), (2, 0, None, 0)]


async def test_lag_is_end_minus_committed_on_each_partition(fresh_kafka: str) -> None:
    assert await some_lag(fresh_kafka, mend_ends=True) == EXPECTED


async def test_topics_that_do_not_exist_have_no_lag(fresh_kafka: str) -> None:
    assert await group_lag(Settings(kafka_bootstrap_servers=fresh_kafka), ["openride.no.such.topic"]) == []


async def test_a_broker_that_freezes_in_between_is_waited_for_so_long_and_no_longer(
    start_broker: Callable[[], EmbeddedBroker], monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = start_broker()
    await some_lag(broker.bootstrap, mend_ends=True)
    monkeypatch.setattr("openride_stream.kafka.lag._DEADLINE_S", 0.5)
    settings = Settings(kafka_bootstrap_servers=broker.bootstrap)
    with broker.frozen():
        async with asyncio.timeout(30):
            with pytest.raises(BrokerUnavailable):
                await group_lag(settings, ["openride.no.such.topic"])


@pytest.mark.kafka
async def test_lag_on_apache_kafka() -> None:
    bootstrap = os.environ.get("OPENRIDE_TEST_KAFKA")
    if not bootstrap:
        pytest.skip("set OPENRIDE_TEST_KAFKA to the host:port of an Apache Kafka")
    assert await some_lag(bootstrap, mend_ends=False) == EXPECTED
