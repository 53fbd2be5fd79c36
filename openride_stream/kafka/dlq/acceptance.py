"""An operator's word that the bad records of a topic may become dead letters, up to its present end.

It is kept as committed offsets of a consumer group that nobody joins: durable, by partition, where the
records are, forgotten with the topic, and visible with any Kafka tool.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from openride_stream.kafka.admin import REQUEST_TIMEOUT_MS, open_admin, partition_counts
from openride_stream.kafka.away import broker_away
from openride_stream.kafka.connection import connection
from openride_stream.kafka.end_offsets import true_end_offsets
from openride_stream.settings import Settings

Partition = tuple[str, int]


def acceptance_group(settings: Settings) -> str:
    """The consumer group that holds the word."""
    return f"{settings.consumer_group}.accepted"


async def accepted_until(settings: Settings, partitions: Sequence[Partition]) -> dict[Partition, int]:
    """By partition, the offset before which dead letters are accepted; those without one are left out.

    Raises:
        BrokerUnavailable: no broker answered.
    """
    async with _member(settings) as consumer:
        found = {
            (topic, number): await consumer.committed(TopicPartition(topic, number))
            for topic, number in partitions
        }
    return {partition: offset for partition, offset in found.items() if offset is not None}


async def ends_of(settings: Settings, topic: str) -> dict[Partition, int]:
    """The log end offset of every partition of `topic`.

    Raises:
        BrokerUnavailable: no broker answered.
    """
    async with open_admin(settings) as admin:
        count = (await partition_counts(admin)).get(topic, 0)
    places = [TopicPartition(topic, number) for number in range(count)]
    if not places:
        return {}
    async with _member(settings) as consumer:
        consumer.assign(places)
        starts = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        filled = {tp: end for tp, end in ends.items() if end > starts[tp]}
        ends |= await true_end_offsets(consumer, filled)
    return {(tp.topic, tp.partition): end for tp, end in ends.items()}


async def accept(settings: Settings, until: Mapping[Partition, int]) -> None:
    """Accept what is bad before the offset of each partition; returns when the broker has it.

    Raises:
        BrokerUnavailable: no broker answered.
    """
    offsets = {TopicPartition(topic, number): offset for (topic, number), offset in until.items()}
    async with _member(settings) as consumer:
        consumer.assign(list(offsets))
        await consumer.commit(offsets)


@asynccontextmanager
async def _member(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    try:
        async with AIOKafkaConsumer(
            **connection(settings),
            group_id=acceptance_group(settings),
            enable_auto_commit=False,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        ) as consumer:
            yield consumer
    except (KafkaError, TimeoutError, OSError) as error:
        raise broker_away(settings.kafka_bootstrap_servers, error) from error
