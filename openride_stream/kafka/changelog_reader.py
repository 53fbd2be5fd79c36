"""Reading the changelog of the live tables: all of it, from a moment or from where one was."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from openride_stream.errors import Fatal
from openride_stream.kafka.changelog import FAULTS, LIVE_MAX_MESSAGE_BYTES, LIVE_TOPIC, closed, unavailable
from openride_stream.kafka.connection import connection
from openride_stream.kafka.end_offsets import true_end_offsets
from openride_stream.kafka.places import LogPlace
from openride_stream.settings import Settings

_READ_AT_ONCE: Final = 100
_ENDS_WITHIN_S: Final = 2.0
_LOOKS_AT_A_GAP: Final = 3
_LOOKED_FOR_S: Final = 0.5
Ends = dict[TopicPartition, int]


class ChangelogReader:
    """Reads all partitions from a moment on, outside any consumer group."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition], mend: bool) -> None:
        self._consumer = consumer
        self._partitions = partitions
        self._mend = mend
        self._places: dict[int, LogPlace] = {}
        self._expected: dict[int, LogPlace] = {}
        self._next: dict[TopicPartition, int] = {}
        self._looks: dict[TopicPartition, tuple[int, int, float]] = {}
        self.is_another = False
        """Whether the log is not the one that `resume` was to go on with; nothing is read until `rewind`."""
        self.first_written_ms: int | None = None
        """When the oldest row was written that was read since `rewind` (ms since the epoch)."""

    @classmethod
    async def open(cls, settings: Settings, misreports_end: bool) -> Self:
        """Connect; `rewind` comes next. `misreports_end` is what `broker_misreports_end` said.

        Raises:
            BrokerUnavailable: no broker answered.
        """
        consumer = AIOKafkaConsumer(
            **connection(settings),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=LIVE_MAX_MESSAGE_BYTES,
            # A start reads hours of rows, and others want the event loop in between.
            max_poll_records=_READ_AT_ONCE,
        )
        partitions = [TopicPartition(LIVE_TOPIC, number) for number in range(settings.topic_partitions)]
        try:
            await consumer.start()
            consumer.assign(partitions)
        except FAULTS as error:
            await consumer.stop()
            raise unavailable(error) from error
        return cls(consumer, partitions, misreports_end)

    async def rewind(self, since_ms: int) -> None:
        """Go to the first rows that were written at `since_ms` (since the epoch) or later.

        Raises:
            BrokerUnavailable: no broker answered.
        """
        try:
            ends = await self._ends()
            self.first_written_ms, self.is_another = None, False
            self._places, self._expected = {}, {}
            first = await self._consumer.offsets_for_times(dict.fromkeys(self._partitions, since_ms))
            for partition, found in first.items():
                self._seek(partition, ends[partition] if found is None else found.offset)
        except FAULTS as error:
            raise unavailable(error) from error

    async def read(self, timeout_s: float) -> list[bytes]:
        """Rows that came in, waiting up to `timeout_s` for the first; none when there are none.

        Raises:
            BrokerUnavailable: what was fetched cannot be read.
            Fatal: what fetches has ended, and nothing would ever come.
        """
        if self._consumer._fetcher.error_future.done():
            message = f"{LIVE_TOPIC} is not fetched any more: the log says why"
            raise Fatal(message)
        await asyncio.sleep(0)  # what is fetched already is handed out without a pause
        try:
            fetched = await self._consumer.getmany(timeout_ms=round(timeout_s * 1000))
        except FAULTS as error:
            raise unavailable(error) from error
        found = [
            record
            for at, records in fetched.items()
            if (following := self._following(at, records))
            for record in self._fresh(at.partition, following)
        ]
        if found:
            written_ms = min(record.timestamp for record in found)
            self.first_written_ms = min(written_ms, self.first_written_ms or written_ms)
        return [record.value for record in found if record.value]

    def _following(self, at: TopicPartition, records: list[Any]) -> list[Any]:
        """Those that go on where reading was, up to a gap; that is read again: no changelog is compacted.

        A broker that shows a record before the one that precedes it has been seen to do so for a moment, to
        one of its readers: what is still not there after some looks, and half a second, was deleted.
        """
        expected = self._next.get(at, records[0].offset)
        for count, record in enumerate(records):
            if record.offset > expected and not self._is_gone(at, expected):
                self._next[at] = expected
                self._consumer.seek(at, expected)
                return records[:count]
            expected = record.offset + 1
        self._next[at] = expected
        return records

    def _is_gone(self, at: TopicPartition, offset: int) -> bool:
        """Whether a record was looked for often and long enough, whatever was there in its place."""
        now_s = time.monotonic()
        looked_for, looks, since_s = self._looks.get(at, (offset, 0, now_s))
        if looked_for != offset:
            looks, since_s = 0, now_s
        self._looks[at] = offset, looks + 1, since_s
        return looks >= _LOOKS_AT_A_GAP and now_s - since_s >= _LOOKED_FOR_S

    def _seek(self, at: TopicPartition, offset: int) -> None:
        self._consumer.seek(at, offset)
        self._next[at] = offset
        self._looks.pop(at, None)

    def _fresh(self, partition: int, records: list[Any]) -> list[Any]:
        """Those that were not read before `resume`, if this is the log that it is to go on with."""
        if (expected := self._expected.pop(partition, None)) is not None:
            if LogPlace.after(records[0]) != expected:
                self.is_another = True
            records = records[1:]
        if self.is_another:
            return []
        if records:
            self._places[partition] = LogPlace.after(records[-1])
        return records

    async def resume(self, places: Mapping[int, LogPlace], first_written_ms: int | None) -> bool:
        """Go on behind `places`, up to which it was read once; False when this log is not that long.

        Of each partition the last record is read again: were it another one, `is_another` is set.

        Raises:
            BrokerUnavailable: no broker answered.
        """
        try:
            ends = await self._ends()
            if {at.partition for at in ends} != {*places}:
                return False
            if any(places[at.partition].offset > end for at, end in ends.items()):
                return False
            for at in ends:
                place = places[at.partition]
                known = place.timestamp_ms is not None
                if known:
                    self._expected[at.partition] = place
                self._places[at.partition] = place
                self._seek(at, place.offset - known)
        except FAULTS as error:
            raise unavailable(error) from error
        self.first_written_ms = first_written_ms
        return True

    async def places(self) -> dict[int, LogPlace]:
        """How far each partition was handed out."""
        found = {}
        for at in self._partitions:
            known = self._places.get(at.partition)
            found[at.partition] = known or LogPlace(await self._consumer.position(at))
        return found

    async def ends(self) -> Ends:
        """Where each partition ends now, asked of the brokers: what was fetched last proves nothing.

        Raises:
            BrokerUnavailable: they did not say within two seconds.
        """
        try:
            async with asyncio.timeout(_ENDS_WITHIN_S):
                return await self._ends()
        except FAULTS as error:
            raise unavailable(error) from error

    async def has_read(self, ends: Ends) -> bool:
        """Whether everything before `ends` has been read."""
        return all([await self._consumer.position(partition) >= end for partition, end in ends.items()])

    async def is_beyond(self, ends: Ends) -> bool:
        """Whether more was read of a partition than it holds: the topic was made again."""
        return any([await self._consumer.position(partition) > end for partition, end in ends.items()])

    async def close(self) -> None:
        """Disconnect."""
        await closed(self._consumer.stop())

    async def _ends(self) -> Ends:
        ends: Ends = await self._consumer.end_offsets(self._partitions)
        return await true_end_offsets(self._consumer, ends) if self._mend else ends
