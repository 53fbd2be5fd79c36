"""The changelog of the live tables: every worker writes what it saw, and every worker reads all of it.

One topic, kept for as long as any window reaches back; rows are sets of facts, so that order, repetition,
partition and who wrote them do not matter. Faust's own tables are not used for this: see docs/decisions/0012.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from openride_stream.errors import BrokerUnavailable
from openride_stream.kafka.connection import connection
from openride_stream.kafka.end_offsets import true_end_offsets
from openride_stream.settings import Settings

logger = logging.getLogger(__name__)

LIVE_TOPIC: Final = "openride.live"
LIVE_MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
# A changelog that the broker does not take holds up the acks of its batches, and then reading.
_WAITING_BYTES: Final = 32 * 1024 * 1024
_READ_AT_ONCE: Final = 100
_ENDS_WITHIN_S: Final = 2.0
_CLOSE_WITHIN_S: Final = 2.0
Ends = dict[TopicPartition, int]

_FAULTS: Final = (KafkaError, TimeoutError, OSError)


class ChangelogWriter:
    """Writes rows in the background, each for as long as it takes. Used on one event loop."""

    def __init__(self, producer: AIOKafkaProducer, settings: Settings) -> None:
        self._producer = producer
        self._first_pause_s = settings.retry_backoff_min_ms / 1000
        self._longest_pause_s = settings.retry_backoff_max_ms / 1000
        self._writing: set[asyncio.Task[None]] = set()
        self._failures: dict[asyncio.Task[None] | None, str] = {}
        self._waiting_bytes = 0
        self._room = asyncio.Event()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Gets the error of a write that failed otherwise than a broker makes it fail."""

    @classmethod
    async def open(cls, settings: Settings) -> Self:
        """Connect a producer of its own: acks by all replicas.

        Raises:
            BrokerUnavailable: no broker answered.
        """
        producer = AIOKafkaProducer(
            **connection(settings),
            acks="all",
            max_request_size=LIVE_MAX_MESSAGE_BYTES,
        )
        try:
            await producer.start()
        except _FAULTS as error:
            await producer.stop()
            raise _unavailable(error) from error
        return cls(producer, settings)

    async def write(self, value: bytes, written: Callable[[], None]) -> None:
        """Begin to write one row; waits while too much of what came before is not written.

        `written` is called once, when the brokers have it.
        """
        while self._waiting_bytes >= _WAITING_BYTES:
            self._room.clear()
            await self._room.wait()
        self._waiting_bytes += len(value)
        writing = asyncio.create_task(self._write(value, written))
        self._writing.add(writing)
        writing.add_done_callback(self._done)

    @property
    def trouble(self) -> str | None:
        """Why rows are not written; None while the brokers take them."""
        failure = next(iter(self._failures.values()), None)
        return None if failure is None else f"{len(self._failures)} rows for {LIVE_TOPIC} wait: {failure}"

    async def drain(self, timeout_s: float) -> bool:
        """Return when all is written; False when something was not within `timeout_s`."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=timeout_s)
        return not self._writing

    async def close(self) -> None:
        """Disconnect; what is not written by now is not."""
        for writing in self._writing:
            writing.cancel()
        await _closed(self._producer.stop())

    async def _write(self, value: bytes, written: Callable[[], None]) -> None:
        pause_s = self._first_pause_s
        while True:
            try:
                # No partition is named: rows of one that has no leader go to another.
                await (await self._producer.send(LIVE_TOPIC, value))
                break
            except _FAULTS as error:
                if not self._failures:
                    logger.warning("Live tables: not acknowledged, retrying", extra={"error": repr(error)})
                self._failures[asyncio.current_task()] = str(error) or type(error).__name__
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, self._longest_pause_s)
        self._waiting_bytes -= len(value)
        self._room.set()
        written()

    def _done(self, writing: "asyncio.Task[None]") -> None:
        self._writing.discard(writing)
        self._failures.pop(writing, None)
        if not writing.cancelled() and (error := writing.exception()) and not self.failed.done():
            self.failed.set_exception(error)


class ChangelogReader:
    """Reads all partitions from a moment on, outside any consumer group."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition], mend: bool) -> None:
        self._consumer = consumer
        self._partitions = partitions
        self._mend = mend
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
        except _FAULTS as error:
            await consumer.stop()
            raise _unavailable(error) from error
        return cls(consumer, partitions, misreports_end)

    async def rewind(self, since_ms: int) -> None:
        """Go to the first rows that were written at `since_ms` (since the epoch) or later.

        Raises:
            BrokerUnavailable: no broker answered.
        """
        try:
            ends = await self._ends()
            self.first_written_ms = None
            first = await self._consumer.offsets_for_times(dict.fromkeys(self._partitions, since_ms))
            for partition, found in first.items():
                self._consumer.seek(partition, ends[partition] if found is None else found.offset)
        except _FAULTS as error:
            raise _unavailable(error) from error

    async def read(self, timeout_s: float) -> list[bytes]:
        """Rows that came in, waiting up to `timeout_s` for the first; none when there are none.

        Raises:
            BrokerUnavailable: what was fetched cannot be read.
        """
        await asyncio.sleep(0)  # what is fetched already is handed out without a pause
        try:
            fetched = await self._consumer.getmany(timeout_ms=round(timeout_s * 1000))
        except _FAULTS as error:
            raise _unavailable(error) from error
        found = [record for records in fetched.values() for record in records]
        if found:
            written_ms = min(record.timestamp for record in found)
            self.first_written_ms = min(written_ms, self.first_written_ms or written_ms)
        return [record.value for record in found if record.value]

    async def ends(self) -> Ends:
        """Where each partition ends now, asked of the brokers: what was fetched last proves nothing.

        Raises:
            BrokerUnavailable: they did not say within two seconds.
        """
        try:
            async with asyncio.timeout(_ENDS_WITHIN_S):
                return await self._ends()
        except _FAULTS as error:
            raise _unavailable(error) from error

    async def has_read(self, ends: Ends) -> bool:
        """Whether everything before `ends` has been read."""
        return all([await self._consumer.position(partition) >= end for partition, end in ends.items()])

    async def is_beyond(self, ends: Ends) -> bool:
        """Whether more was read of a partition than it holds: the topic was made again."""
        return any([await self._consumer.position(partition) > end for partition, end in ends.items()])

    async def close(self) -> None:
        """Disconnect."""
        await _closed(self._consumer.stop())

    async def _ends(self) -> Ends:
        ends: Ends = await self._consumer.end_offsets(self._partitions)
        return await true_end_offsets(self._consumer, ends) if self._mend else ends


def _unavailable(error: BaseException) -> BrokerUnavailable:
    return BrokerUnavailable(f"{LIVE_TOPIC}: {error or type(error).__name__}")


async def _closed(stopping: Coroutine[Any, Any, None]) -> None:
    """Give a client a moment to say good-bye: with its broker away it would wait for a minute."""
    task = asyncio.ensure_future(stopping)
    with suppress(*_FAULTS):
        await asyncio.wait({task}, timeout=_CLOSE_WITHIN_S)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
