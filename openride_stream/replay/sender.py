"""Sends records to Kafka in batches of our own making, and knows which were acknowledged.

aiokafka's `send()` costs a future and a task switch a record; a batch a partition costs a tenth.
"""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from aiokafka.partitioner import murmur2

from openride_stream.errors import BrokerUnavailable
from openride_stream.kafka.away import broker_away
from openride_stream.kafka.connection import connection
from openride_stream.replay.parcels import Parcel
from openride_stream.settings.kafka import KafkaSettings

BATCH_BYTES: Final = 256 * 1024
_LARGEST_BATCH_BYTES: Final = 900 * 1024  # below the 1 MB that Kafka takes by default


class Stamped(NamedTuple):
    """A parcel with its record timestamp in ms since the epoch."""

    timestamp_ms: int
    parcel: Parcel


class Sender:
    """A producer with one batch under way and one filling for each partition.

    Records of one key keep their order. Nothing counts as sent before all in-sync replicas have it.
    `timeout_s` is how long Kafka may take for a batch, its own retries included.
    """

    def __init__(self, settings: KafkaSettings, timeout_s: float = 30.0) -> None:
        self._settings = settings
        self._timeout_s = timeout_s
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._partitions: dict[str, int] = {}
        self._keyless = count()
        self._producer: AIOKafkaProducer | None = None
        self.acknowledged = 0

    async def start(self, topics: Sequence[str]) -> None:
        """Connect.

        Raises:
            BrokerUnavailable: nobody answers, or one of `topics` does not exist yet.
        """
        producer = AIOKafkaProducer(
            **connection(self._settings),
            acks="all",
            max_batch_size=_LARGEST_BATCH_BYTES,
            request_timeout_ms=int(self._timeout_s * 1000),
        )
        try:
            await producer.start()
            # Asking for all topics, and never for one by its name, keeps the broker from creating it.
            await producer.client.set_topics([])
        except (KafkaError, OSError) as error:
            await producer.stop()
            raise broker_away(self._settings.kafka_bootstrap_servers, error) from error
        self._producer = producer
        await self._find(topics)

    async def _find(self, topics: Sequence[str]) -> None:
        cluster = self._connected().client.cluster
        for topic in topics:
            partitions = cluster.partitions_for_topic(topic)
            if not partitions:
                await self.close()
                message = f"Kafka has no topic {topic}; `openride migrate` creates it"
                raise BrokerUnavailable(message)
            self._partitions[topic] = len(partitions)

    async def send(self, parcels: Sequence[Parcel], timestamp_ms: int) -> None:
        """Take parcels in; waits while a partition has a full batch and another under way.

        Raises:
            BrokerUnavailable: an earlier batch was not acknowledged.
        """
        for parcel in parcels:
            lane = self._lane(parcel)
            if lane.add(Stamped(timestamp_ms, parcel)):
                await lane.ship()

    async def ship(self) -> None:
        """Send what has been taken in, without waiting for the acknowledgement."""
        for lane in list(self._lanes.values()):
            await lane.ship()

    async def flush(self) -> None:
        """Send what has been taken in, and wait until all of it is acknowledged.

        Raises:
            BrokerUnavailable: some of it was not.
        """
        await self.ship()
        for lane in list(self._lanes.values()):
            await lane.arrived()

    async def close(self) -> None:
        """Disconnect; what is not acknowledged by now is lost."""
        for lane in self._lanes.values():
            lane.cancel()
        self._lanes.clear()
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    def _lane(self, parcel: Parcel) -> "Lane":
        partitions = self._partitions[parcel.topic]
        hashed = next(self._keyless) if parcel.key is None else _hash(parcel.key)
        place = parcel.topic, hashed % partitions
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = Lane(self, *place)
        return lane

    async def deliver(self, topic: str, partition: int, batch: Sequence[Stamped]) -> None:
        """Send a batch to a partition and wait for its acknowledgement.

        Raises:
            BrokerUnavailable: there was none; some of the batch may have arrived.
        """
        producer, start, first = self._connected(), 0, 0
        try:
            while start < len(batch):
                # Looked up here, since `send_batch` would have the broker create a topic it does not have.
                if not producer.client.cluster.partitions_for_topic(topic):
                    raise UnknownTopicOrPartitionError(topic)
                builder = producer.create_batch()
                first = start
                for timestamp_ms, parcel in batch[first:]:
                    if not builder.append(timestamp=timestamp_ms, key=parcel.key, value=parcel.value):
                        break
                    start += 1
                await (await producer.send_batch(builder, topic, partition=partition))
                self.acknowledged += start - first
        except (KafkaError, OSError) as error:
            message = f"{len(batch) - first} records for {topic}-{partition} were not acknowledged: {error!r}"
            raise BrokerUnavailable(message) from error

    def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            message = "the sender is not started"
            raise BrokerUnavailable(message)
        return self._producer


class Lane:
    """The way to one partition: a batch that fills, and one under way."""

    def __init__(self, sender: Sender, topic: str, partition: int) -> None:
        self._sender = sender
        self._place = topic, partition
        self._filling: list[Stamped] = []
        self._filling_bytes = 0
        self._under_way: asyncio.Task[None] | None = None

    def add(self, stamped: Stamped) -> bool:
        """Take a record; true when the batch is full and has to be shipped."""
        self._filling.append(stamped)
        self._filling_bytes += len(stamped.parcel.value or b"") + 60
        return self._filling_bytes >= BATCH_BYTES

    async def ship(self) -> None:
        """Put the filling batch under way, after the one before it has arrived."""
        await self.arrived()
        if self._filling:
            batch, self._filling, self._filling_bytes = self._filling, [], 0
            self._under_way = asyncio.create_task(self._sender.deliver(*self._place, batch))

    async def arrived(self) -> None:
        """Wait for the batch under way; raises what went wrong with it."""
        task, self._under_way = self._under_way, None
        if task is not None:
            await task

    def cancel(self) -> None:
        """Give up the batch under way."""
        if self._under_way is not None:
            self._under_way.cancel()


@lru_cache(maxsize=1 << 16)
def _hash(key: bytes) -> int:
    # The hash of Kafka's default partitioner, positive.
    return int(murmur2(key)) & 0x7FFFFFFF
