"""The changelog of the live tables: every worker writes what it saw, and every worker reads all of it.

One topic, kept for as long as any window reaches back; rows are sets of facts, so that order, repetition
and who wrote them do not matter. Faust's own tables are not used for this: see docs/decisions/0012.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from openride_stream.errors import BrokerUnavailable
from openride_stream.kafka.end_offsets import true_end_offsets
from openride_stream.settings import Settings

logger = logging.getLogger(__name__)

LIVE_TOPIC: Final = "openride.live"
LIVE_MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
# A changelog that the broker does not take holds up the acks of its batches, and then reading.
_WAITING_BYTES: Final = 32 * 1024 * 1024
_SENT_AT_ONCE: Final = 500
_READ_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Change:
    """One row on its way; `written` is called once, when the brokers have it."""

    partition: int
    value: bytes
    written: Callable[[], None]


class ChangelogWriter:
    """Writes rows in the background, for as long as it takes. Used on one event loop."""

    def __init__(self, producer: AIOKafkaProducer, settings: Settings) -> None:
        self._producer = producer
        self._first_pause_s = settings.retry_backoff_min_ms / 1000
        self._longest_pause_s = settings.retry_backoff_max_ms / 1000
        self._waiting: list[Change] = []
        self._waiting_bytes = 0
        self._wanted = asyncio.Event()
        self._changed = asyncio.Event()

    @classmethod
    async def open(cls, settings: Settings) -> Self:
        """Connect a producer of its own: acks by all replicas."""
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            acks="all",
            max_request_size=LIVE_MAX_MESSAGE_BYTES,
        )
        await producer.start()
        return cls(producer, settings)

    async def write(self, change: Change) -> None:
        """Queue one row; waits while too much of what was queued before is not written."""
        while self._waiting_bytes >= _WAITING_BYTES:
            self._changed.clear()
            await self._changed.wait()
        self._waiting.append(change)
        self._waiting_bytes += len(change.value)
        self._wanted.set()

    async def run(self) -> None:
        """Write what is queued until cancelled."""
        pause_s = self._first_pause_s
        while True:
            await self._wanted.wait()
            if await self._send(self._waiting[:_SENT_AT_ONCE]):
                pause_s = self._first_pause_s
            else:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, self._longest_pause_s)
            if not self._waiting:
                self._wanted.clear()
            self._changed.set()

    async def drain(self, timeout_s: float) -> bool:
        """Return when all is written; False when something was not within `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._waiting:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Disconnect."""
        await self._producer.stop()

    async def _send(self, changes: Sequence[Change]) -> bool:
        """Write rows; those that were not stay queued. Returns whether all were."""
        outcomes = await asyncio.gather(*map(self._sent, changes), return_exceptions=True)
        failed = []
        for change, error in zip(changes, outcomes, strict=True):
            if error is None:
                self._waiting_bytes -= len(change.value)
                change.written()
            elif isinstance(error, KafkaError | TimeoutError | OSError):
                failed.append((change, error))
            else:
                raise error
        self._waiting[: len(changes)] = [change for change, _ in failed]
        if failed:
            extra = {"rows": len(failed), "error": repr(failed[0][1])}
            logger.warning("Live tables: rows not acknowledged, retrying", extra=extra)
        return not failed

    async def _sent(self, change: Change) -> None:
        acknowledged = await self._producer.send(LIVE_TOPIC, change.value, partition=change.partition)
        await acknowledged


class ChangelogReader:
    """Reads all partitions from a moment on, outside any consumer group."""

    def __init__(self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> None:
        self._consumer = consumer
        self._ends = ends

    @classmethod
    async def open(cls, settings: Settings, since_ms: int, misreports_end: bool) -> Self:
        """Connect and go to the first rows that were written at `since_ms` (since the epoch) or later.

        `misreports_end` is what `broker_misreports_end` said.
        """
        consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=LIVE_MAX_MESSAGE_BYTES,
            # A start reads hours of rows, and others want the event loop in between.
            max_poll_records=_READ_AT_ONCE,
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(LIVE_TOPIC, number) for number in range(settings.topic_partitions)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            if misreports_end:
                ends = await true_end_offsets(consumer, ends)
            first = await consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
            for partition, found in first.items():
                consumer.seek(partition, ends[partition] if found is None else found.offset)
        except BaseException:
            await consumer.stop()
            raise
        return cls(consumer, ends)

    async def read(self, timeout_s: float) -> list[bytes]:
        """Rows that came in, waiting up to `timeout_s` for the first; none when there are none.

        Raises:
            BrokerUnavailable: what was fetched cannot be read.
        """
        try:
            fetched = await self._consumer.getmany(timeout_ms=round(timeout_s * 1000))
        except KafkaError as error:
            message = f"{LIVE_TOPIC}: {error or type(error).__name__}"
            raise BrokerUnavailable(message) from error
        return [record.value for records in fetched.values() for record in records if record.value]

    async def caught_up(self) -> bool:
        """Whether everything that the brokers told of has been read."""
        for partition, end in self._ends.items():
            known_end = max(end, self._consumer.highwater(partition) or 0)
            if await self._consumer.position(partition) < known_end:
                return False
        return True

    async def close(self) -> None:
        """Disconnect."""
        await self._consumer.stop()
