"""Dead letters: the record's bytes, unchanged, with headers that say where from and why not.

Only a value that the dead-letter topic refuses as too large is left out: nothing else would end the retries.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from openride_stream.clock import Clock
from openride_stream.events.letters import Headers, Letter
from openride_stream.events.rejects import Reject
from openride_stream.events.topics import BY_NAME
from openride_stream.kafka.connection import connection
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings

logger = logging.getLogger(__name__)

MAX_DEAD_LETTER_BYTES = 4 * 1024 * 1024
# Not even tried with its value: a broker hangs up on a request of more than its socket.request.max.bytes
# (100 MiB), which looks like a broker that is away.
LONGEST_VALUE_BYTES = 64 * 1024 * 1024
_BATCH_BYTES = 512 * 1024


class DeadLetters:
    """Publishes rejects to `<topic>.dlq` and returns when the broker has them."""

    def __init__(
        self, producer: AIOKafkaProducer, worker: str, metrics: Metrics, clock: Clock, settings: Settings
    ) -> None:
        self._producer = producer
        self._worker = worker
        self._metrics = metrics
        self._clock = clock
        self._first_pause_s = settings.retry_backoff_min_ms / 1000
        self._longest_pause_s = settings.retry_backoff_max_ms / 1000

    @classmethod
    async def open(cls, settings: Settings, worker: str, metrics: Metrics, clock: Clock) -> Self:
        """Connect a producer of our own: acks by all replicas, records of up to 4 MB."""
        producer = AIOKafkaProducer(
            **connection(settings),
            acks="all",
            max_request_size=MAX_DEAD_LETTER_BYTES,
            max_batch_size=_BATCH_BYTES,
            # The topic's limit is on what is stored: a record that came in compressed would not fit as it is.
            compression_type="gzip",
        )
        await producer.start()
        return cls(producer, worker, metrics, clock, settings)

    async def close(self) -> None:
        """Send what is buffered and disconnect."""
        await self._producer.stop()

    async def publish(self, topic: str, partition: int, rejects: Sequence[Reject]) -> list[Letter]:
        """Publish every reject to the source's partition, retrying for as long as the broker is away.

        Returns:
            The dead letters as they stand in their topic, in the order of `rejects`; of a value that is too
            large for the topic only its length and hash.
        """
        waiting = [
            Letter.of(topic, partition, reject, self._worker, self._clock.now_ms()) for reject in rejects
        ]
        published: list[Letter] = []
        pause_s = self._first_pause_s
        while waiting:
            if sent := await self._send(waiting):
                self._count(sent)
                published += sent
                del waiting[: len(sent)]
                pause_s = self._first_pause_s
            else:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, self._longest_pause_s)
        return published

    async def _send(self, letters: Sequence[Letter]) -> list[Letter]:
        """Send one batch of letters, from the first on; returns those that the broker has acknowledged."""
        batch, sent = self._batch(letters)
        topic, partition = sent[0].topic, sent[0].partition
        try:
            acknowledged = await self._producer.send_batch(
                batch, BY_NAME[topic].dead_letter_topic, partition=partition
            )
            base_offset: int = (await acknowledged).offset
        except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
            if len(sent) > 1:
                return await self._send(sent[: len(sent) // 2])
            if (smaller := sent[0].smaller()) is not None:
                return await self._send([smaller])
            logger.warning("Not even a hash fits the dead-letter topic", extra={"error": repr(error)})
            return []
        except (KafkaError, TimeoutError) as error:
            logger.warning("Dead letters not acknowledged, retrying", extra={"error": repr(error)})
            return []
        return [replace(letter, offset=base_offset + place) for place, letter in enumerate(sent)]

    def _batch(self, letters: Sequence[Letter]) -> tuple[Any, list[Letter]]:
        """A producer's batch of the first of `letters`, at least one, and the letters as they are in it."""
        # A batch of our own: `send` refuses a record without key and value, which is a dead letter too.
        batch = self._producer.create_batch()
        added: list[Letter] = []
        for given in letters:
            letter = given
            if letter.value is not None and len(letter.value) > LONGEST_VALUE_BYTES:
                letter = letter.smaller() or letter
            if not append(batch, letter, letter.dead_letter_headers(), letter.timestamp_ms):
                break
            added.append(letter)
        return batch, added

    def _count(self, letters: Sequence[Letter]) -> None:
        topic = letters[0].topic
        self._metrics.dead_letters_published_total.labels(topic).inc(len(letters))
        for letter in letters:
            if letter.left_out is not None:
                self._metrics.dead_letters_left_out_total.labels(topic).inc()
                logger.warning(
                    "A dead letter is kept without its value, which is too large for its topic",
                    extra={"topic": topic, "offset": letter.first.offset, "bytes": letter.size_bytes},
                )


def append(batch: Any, letter: Letter, headers: Headers, timestamp_ms: int) -> bool:
    """Add a letter's record to a producer's batch; False when the batch is full."""
    added = batch.append(key=letter.key, value=letter.value, timestamp=timestamp_ms, headers=headers)
    return added is not None


def dead_letter_headers(topic: str, partition: int, reject: Reject, worker: str, now_ms: int) -> Headers:
    """The contract's `dlq.*` headers after the record's own; times are milliseconds since the epoch."""
    return Letter.of(topic, partition, reject, worker, now_ms).dead_letter_headers()
