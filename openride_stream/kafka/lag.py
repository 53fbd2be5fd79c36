"""Consumer lag: log end − committed offset, in messages."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from openride_stream.kafka.admin import REQUEST_TIMEOUT_MS, open_admin, partition_counts
from openride_stream.kafka.away import broker_away
from openride_stream.kafka.connection import connection
from openride_stream.kafka.end_offsets import true_end_offsets
from openride_stream.settings import Settings

_DEADLINE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far the consumer group is behind on one partition.

    `committed` is the next offset the group will read, None when it has never committed.
    """

    topic: str
    partition: int
    end: int
    committed: int | None

    @property
    def lag(self) -> int:
        """Messages not yet committed; the whole log when nothing was ever committed."""
        return max(0, self.end - (self.committed or 0))


async def group_lag(settings: Settings, topics: Sequence[str], mend_ends: bool = False) -> list[PartitionLag]:
    """The lag of `settings.consumer_group` on each partition of the existing `topics`.

    Joins no group, so that no rebalance is caused. `mend_ends` is what `broker_misreports_end` said.

    Raises:
        BrokerUnavailable: no broker answered, or not within 20 s.
    """
    try:
        # aiokafka asks a coordinator that does not answer again and again, for ever.
        async with asyncio.timeout(_DEADLINE_S):
            return await _group_lag(settings, topics, mend_ends)
    except (KafkaError, TimeoutError, OSError) as error:
        raise broker_away(settings.kafka_bootstrap_servers, error) from error


async def _group_lag(settings: Settings, topics: Sequence[str], mend_ends: bool) -> list[PartitionLag]:
    async with open_admin(settings) as admin:
        counts = await partition_counts(admin)
    partitions = [TopicPartition(topic, number) for topic in topics for number in range(counts.get(topic, 0))]
    if not partitions:
        return []
    async with AIOKafkaConsumer(
        **connection(settings),
        group_id=settings.consumer_group,
        enable_auto_commit=False,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    ) as consumer:
        ends = await consumer.end_offsets(partitions)
        if mend_ends:
            ends = await true_end_offsets(consumer, ends)
        return [
            PartitionLag(tp.topic, tp.partition, ends[tp], await consumer.committed(tp)) for tp in partitions
        ]
