"""What really stands in the topics: the input that everything else is judged by.

The log, not what was meant to be sent: a producer whose broker did not answer in time sends a record twice,
and without an event_id those are two events.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

DEADLINE_S = 120.0
FETCH_BYTES = 8_000_000


class Logged(NamedTuple):
    """A record at its place; `headers` are of use for dead letters."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    headers: dict[str, bytes]

    @property
    def place(self) -> tuple[str, int, int]:
        return self.topic, self.partition, self.offset


class Log:
    """Reads some topics from their beginning, on and on; joins no group."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._next: dict[TopicPartition, int] = {}
        self.records: list[Logged] = []

    async def read(self, ends: dict[tuple[str, int], int]) -> list[Logged]:
        """All records so far, up to `ends`: the offset after the last record, by topic and partition."""
        wanted = {TopicPartition(*place): end for place, end in ends.items()}
        if self._behind(wanted):
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap, group_id=None, max_partition_fetch_bytes=FETCH_BYTES
            )
            await consumer.start()
            try:
                await self._follow(consumer, wanted)
            finally:
                await consumer.stop()
        return self.records

    async def read_until_quiet(self, partitions: Iterable[tuple[str, int]]) -> list[Logged]:
        """The same, where nobody knows the ends: until nothing has come for a while."""
        tps = [TopicPartition(*place) for place in partitions]
        async with AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, group_id=None, max_partition_fetch_bytes=FETCH_BYTES
        ) as consumer:
            self._seek(consumer, tps)
            quiet = 0
            while quiet < 2:
                quiet = 0 if await self._take(consumer) else quiet + 1
        return self.records

    def _behind(self, wanted: dict[TopicPartition, int]) -> list[TopicPartition]:
        return [tp for tp, end in wanted.items() if self._next.get(tp, 0) < end]

    def _seek(self, consumer: AIOKafkaConsumer, tps: list[TopicPartition]) -> None:
        consumer.assign(tps)
        for tp in tps:
            consumer.seek(tp, self._next.get(tp, 0))

    async def _follow(self, consumer: AIOKafkaConsumer, wanted: dict[TopicPartition, int]) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        self._seek(consumer, self._behind(wanted))
        while behind := self._behind(wanted):
            assert time.monotonic() < deadline_s, f"cannot read {behind}"
            await self._take(consumer)

    async def _take(self, consumer: AIOKafkaConsumer) -> int:
        fetched = await consumer.getmany(timeout_ms=700)
        for tp, records in fetched.items():
            for record in records:
                # Offsets repeat when a fetch was answered twice.
                if record.offset >= self._next.get(tp, 0):
                    self._next[tp] = record.offset + 1
                    headers = dict(record.headers)
                    self.records.append(
                        Logged(tp.topic, tp.partition, record.offset, record.timestamp, record.value, headers)
                    )
        await asyncio.sleep(0)
        return len(fetched)
