"""Records of our own on source topics: one at a time, each answered for."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from openride_stream.errors import BrokerUnavailable
from openride_stream.kafka.connection import connection
from openride_stream.kafka.topics import SOURCE_MAX_MESSAGE_BYTES
from openride_stream.settings import Settings

WITHIN_S: Final = 10.0
_CLOSE_WITHIN_S: Final = 2.0
_FAULTS: Final = (KafkaError, TimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class Written:
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


class RecordProducer:
    """Writes records; acks by all replicas. Used on one event loop."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    @classmethod
    async def open(cls, settings: Settings) -> Self:
        """Connect.

        Raises:
            BrokerUnavailable: no broker answered.
        """
        producer = AIOKafkaProducer(
            **connection(settings),
            acks="all",
            max_request_size=SOURCE_MAX_MESSAGE_BYTES,
        )
        try:
            await producer.start()
        except _FAULTS as error:
            await producer.stop()
            raise _unavailable(error) from error
        return cls(producer)

    async def write(self, topic: str, key: bytes, value: bytes, timestamp_ms: int) -> Written:
        """Return when the brokers have the record, which is stamped with `timestamp_ms` (since the epoch).

        Raises:
            BrokerUnavailable: they did not say so within ten seconds; they may have it all the same.
        """
        try:
            async with asyncio.timeout(WITHIN_S):
                where = await self._producer.send_and_wait(topic, value, key, timestamp_ms=timestamp_ms)
        except _FAULTS as error:
            raise _unavailable(error) from error
        return Written(topic, where.partition, where.offset)

    async def close(self) -> None:
        """Disconnect: with the broker away that would take a minute."""
        with suppress(*_FAULTS):
            async with asyncio.timeout(_CLOSE_WITHIN_S):
                await self._producer.stop()


def _unavailable(error: BaseException) -> BrokerUnavailable:
    return BrokerUnavailable(f"the record was not acknowledged: {error or type(error).__name__}")
