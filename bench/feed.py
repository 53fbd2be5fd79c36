"""Sends payloads: as fast as the broker takes them, or at a rate, each stamped with the moment it is sent."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer

from bench.payloads import Payload, payloads, stamp
from openride_stream.settings import Settings

_BATCH_BYTES: Final = 64 * 1024
_SPREAD_MS: Final = 6 * 3_600_000
_TICK_S: Final = 0.05
PRIMER_SEED: Final = 7
PRIMER_DRAWS: Final = 4_000


class Feed:
    """A producer that builds its own batches, so that sending costs little beside what is measured."""

    def __init__(self, producer: AIOKafkaProducer, partitions: int) -> None:
        self._producer = producer
        self._partitions = partitions

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Self]:
        """A feed to the brokers of `settings`."""
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka_bootstrap_servers, max_batch_size=_BATCH_BYTES, acks=1
        )
        async with producer:
            yield cls(producer, settings.topic_partitions)

    async def prime(self) -> int:
        """Send one event to each partition of each topic of events; returns how many.

        Once all of them are rows, a consumer holds every partition and has run its whole path.
        """
        primers: dict[tuple[str, int], Payload] = {}
        for payload in payloads(PRIMER_DRAWS, PRIMER_SEED):
            primers.setdefault((payload.topic, payload.partition_seed % self._partitions), payload)
        now = stamp(_now_ms())
        await self._send((payload, now) for payload in primers.values())
        return len(primers)

    def parted(self, events: Sequence[Payload]) -> tuple[list[Payload], list[Payload]]:
        """The first of each partition, and the others."""
        first: dict[tuple[str, int], Payload] = {}
        rest = []
        for payload in events:
            place = payload.topic, payload.partition_seed % self._partitions
            if place in first:
                rest.append(payload)
            else:
                first[place] = payload
        return [*first.values()], rest

    async def send_all(self, events: Sequence[Payload]) -> None:
        """Send everything now, with event times spread over the last hours."""
        begin_ms = _now_ms() - _SPREAD_MS
        stamps = [stamp(begin_ms + minute * 60_000) for minute in range(_SPREAD_MS // 60_000)]
        last = len(events)
        await self._send(
            (payload, stamps[index * len(stamps) // last]) for index, payload in enumerate(events)
        )

    async def send_at_rate(
        self, events: Sequence[Payload], rate_per_s: float, sent_at: Counter[int] | None = None
    ) -> None:
        """Send at `rate_per_s`, twenty times a second; the event time is the moment of sending.

        `sent_at` is told how many were sent at each moment (ms since the epoch).
        """
        started_s = time.monotonic()
        sent = 0
        while sent < len(events):
            due = min(int((time.monotonic() - started_s) * rate_per_s), len(events))
            now_ms = _now_ms()
            now = stamp(now_ms)
            if sent_at is not None and due > sent:
                sent_at[now_ms] += due - sent
            await self._send((payload, now) for payload in events[sent:due])
            sent = due
            await asyncio.sleep(_TICK_S)

    async def _send(self, stamped: Iterable[tuple[Payload, bytes]]) -> None:
        open_batches: dict[tuple[str, int], Any] = {}
        sent = []
        for payload, moment in stamped:
            place = payload.topic, payload.partition_seed % self._partitions
            batch = open_batches.get(place) or open_batches.setdefault(place, self._producer.create_batch())
            value = payload.at(moment)
            if batch.append(key=payload.key, value=value, timestamp=None) is None:
                sent.append(await self._producer.send_batch(batch, place[0], partition=place[1]))
                open_batches[place] = batch = self._producer.create_batch()
                batch.append(key=payload.key, value=value, timestamp=None)
        for (topic, partition), batch in open_batches.items():
            sent.append(await self._producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*sent)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
