"""Which records of a topic have a dead letter."""

from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer

from openride_stream.clickhouse.positions import Failure, Positions, Stretch
from openride_stream.events.identity import first_position
from openride_stream.events.letters import attempts_of
from openride_stream.events.records import Record
from openride_stream.events.topics import SourceTopic
from openride_stream.kafka.dlq.reading import open_reader
from openride_stream.kafka.positions import begins
from openride_stream.settings import Settings


@dataclass(frozen=True, slots=True)
class DeadLetterIndex:
    """The dead letters of one topic, by the place where their record was first read.

    `attempts` is the highest attempt that failed there. `forgetful` names the partitions whose oldest dead
    letters the broker has deleted: there, no dead letter does not mean that there never was one.
    """

    attempts: dict[Failure, int] = field(default_factory=dict)
    forgetful: set[int] = field(default_factory=set)

    def add(self, failure: Failure, attempts: int) -> None:
        """Note one dead letter."""
        self.attempts[failure] = max(attempts, self.attempts.get(failure, 0))

    def offsets(self, stretch: Stretch) -> list[int]:
        """The offsets of one partition that a dead letter names, ascending.

        As with rows, one of an earlier log does not speak for this one.
        """
        return sorted(
            {
                offset
                for number, offset, timestamp_ms in self.attempts
                if number == stretch.partition
                and (offset < stretch.begin or timestamp_ms >= stretch.since_ms)
            }
        )

    def names(self, record: Record, topic: str, partition: int) -> bool:
        """Whether a dead letter came of this record; of a redriven one, a later attempt than its own."""
        first = first_position(record, topic, partition)
        failure = first.partition, first.offset, first.timestamp
        return first.topic == topic and self.attempts.get(failure, 0) > attempts_of(record)


async def index_dead_letters(
    settings: Settings, reader: AIOKafkaConsumer, positions: Positions, source: SourceTopic
) -> DeadLetterIndex:
    """The dead-letter topic, and the table that remembers what was purged; 200 bytes of memory each.

    Raises:
        BrokerUnavailable, StoreUnavailable: nothing can be said.
    """
    oldest = await begins(reader, source.dead_letter_topic)
    index = DeadLetterIndex(forgetful={number for number, begin in oldest.items() if begin > 0})
    for failure, attempts in (await positions.dead_letters(source.name)).items():
        index.add(failure, attempts)
    async with open_reader(settings, [source.name]) as letters:
        async for run in letters.runs():
            for letter in run:
                first = letter.first
                index.add((first.partition, first.offset, first.timestamp), letter.attempts)
    return index
