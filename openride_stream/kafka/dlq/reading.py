"""Dead letters read from their topics, from the oldest on, without a consumer group."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from openride_stream.errors import BrokerUnavailable
from openride_stream.events.letters import Letter
from openride_stream.events.topics import BY_NAME
from openride_stream.kafka.admin import REQUEST_TIMEOUT_MS, open_admin, partition_counts
from openride_stream.kafka.away import broker_away
from openride_stream.kafka.connection import connection
from openride_stream.kafka.dead_letters import MAX_DEAD_LETTER_BYTES
from openride_stream.kafka.end_offsets import true_end_offsets
from openride_stream.settings import Settings

_FETCH_BYTES: Final = MAX_DEAD_LETTER_BYTES + 1024 * 1024
_SILENCE_S: Final = 30.0
_POLL_MS: Final = 500


@dataclass(frozen=True, slots=True)
class Extent:
    """The offsets `start` (included) to `end` (not) of one partition of a dead-letter topic.

    `topic` is the source topic. Some of the offsets may hold no record.
    """

    topic: str
    partition: int
    start: int
    end: int

    @property
    def place(self) -> TopicPartition:
        """The partition of the dead-letter topic."""
        return TopicPartition(BY_NAME[self.topic].dead_letter_topic, self.partition)

    def __len__(self) -> int:
        """How many offsets there are."""
        return self.end - self.start


class Reader:
    """Reads what the dead-letter topics hold at the moment; what comes later is not read."""

    def __init__(self, consumer: AIOKafkaConsumer, extents: Sequence[Extent]) -> None:
        self._consumer = consumer
        self.extents = extents
        self.read_offsets = 0

    @property
    def total_offsets(self) -> int:
        """How many offsets there are to read, for a progress bar."""
        return sum(len(extent) for extent in self.extents)

    async def runs(self) -> AsyncIterator[list[Letter]]:
        """Every dead letter, a run of one partition at a time, each partition in order.

        Raises:
            BrokerUnavailable: the broker stopped answering.
        """
        # A topic at a time bounds what the consumer fetches ahead.
        for topic in dict.fromkeys(extent.topic for extent in self.extents):
            async for run in self._topic([extent for extent in self.extents if extent.topic == topic]):
                yield run

    async def at(self, topic: str, partition: int, offset: int) -> Letter | None:
        """The letter at `offset` of a partition; None when there is none.

        Raises:
            BrokerUnavailable: the broker stopped answering.
        """
        for extent in self.extents:
            if (extent.topic, extent.partition) == (topic, partition) and extent.start <= offset < extent.end:
                async for run in self._topic([replace(extent, start=offset, end=offset + 1)]):
                    return run[0]
        return None

    async def _topic(self, extents: Sequence[Extent]) -> AsyncIterator[list[Letter]]:
        unread = {extent.place: extent for extent in extents}
        self._consumer.assign(list(unread))
        for place, extent in unread.items():
            self._consumer.seek(place, extent.start)
        moved_s = monotonic()
        positions = {place: extent.start for place, extent in unread.items()}
        while unread:
            fetched = await self._consumer.getmany(*unread, timeout_ms=_POLL_MS)
            for place, extent in list(unread.items()):
                records = [record for record in fetched.get(place, ()) if record.offset < extent.end]
                if records:
                    yield [Letter.read(record, extent.topic, extent.partition) for record in records]
                position = min(await self._consumer.position(place), extent.end)
                if position > positions[place]:
                    self.read_offsets += position - positions[place]
                    positions[place], moved_s = position, monotonic()
                if position >= extent.end:
                    del unread[place]
            if monotonic() - moved_s > _SILENCE_S:
                message = f"Kafka gave nothing of {next(iter(unread)).topic} for {_SILENCE_S:g} s"
                raise BrokerUnavailable(message)


@asynccontextmanager
async def open_reader(settings: Settings, topics: Sequence[str] = ()) -> AsyncIterator[Reader]:
    """A reader of the dead letters of the source topics `topics` (none: of all nine).

    Raises:
        BrokerUnavailable: no broker answered, or one stopped while the reader was in use.
    """
    async with open_admin(settings) as admin:
        counts = await partition_counts(admin)
    consumer = AIOKafkaConsumer(
        **connection(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    try:
        await consumer.start()
        yield Reader(consumer, await _extents(consumer, counts, topics or tuple(BY_NAME)))
    except (KafkaError, TimeoutError, OSError) as error:
        raise broker_away(settings.kafka_bootstrap_servers, error) from error
    finally:
        await consumer.stop()


async def _extents(consumer: AIOKafkaConsumer, counts: dict[str, int], topics: Sequence[str]) -> list[Extent]:
    places = {
        TopicPartition(dead_letter_topic, number): topic
        for topic in topics
        for dead_letter_topic in [BY_NAME[topic].dead_letter_topic]
        for number in range(counts.get(dead_letter_topic, 0))
    }
    if not places:
        return []
    consumer.assign(list(places))
    starts = await consumer.beginning_offsets(list(places))
    reported = await consumer.end_offsets(list(places))
    # An empty log has no record to ask the true end with.
    ends = await true_end_offsets(consumer, {tp: end for tp, end in reported.items() if end > starts[tp]})
    return [Extent(places[tp], tp.partition, starts[tp], end) for tp, end in ends.items() if end > starts[tp]]
