"""Where each partition's log begins, and up to where the consumer group has come."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from openride_stream.kafka.lag import group_lag
from openride_stream.kafka.reread import open_reader
from openride_stream.settings import Settings


@dataclass(frozen=True, slots=True)
class LogPosition:
    """One partition: the first offset that is still retained, and the next one that the group will read."""

    topic: str
    partition: int
    begin: int
    consumed: int


async def log_positions(settings: Settings, topics: Sequence[str], mend_ends: bool) -> list[LogPosition]:
    """The position of every partition of the existing `topics`, in their order.

    Raises:
        BrokerUnavailable: no broker answered.
    """
    # Committed before begin: what is deleted in between shows as deleted, not as missing.
    lags = await group_lag(settings, topics, mend_ends)
    partitions = [TopicPartition(lag.topic, lag.partition) for lag in lags]
    async with open_reader(settings) as reader:
        found = await reader.beginning_offsets(partitions)
    return [
        LogPosition(lag.topic, lag.partition, found[tp], lag.committed or 0)
        for lag, tp in zip(lags, partitions, strict=True)
    ]


async def begins(reader: AIOKafkaConsumer, topic: str) -> dict[int, int]:
    """By partition of an existing topic, the first offset that is still retained."""
    numbers = await reader._client._wait_on_metadata(topic)
    found = await reader.beginning_offsets([TopicPartition(topic, number) for number in sorted(numbers)])
    return {tp.partition: begin for tp, begin in found.items()}
