"""Dead letters: the record's bytes, unchanged, with headers that say where from and why not."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from openride_stream.clock import Clock
from openride_stream.events.records import Record
from openride_stream.events.rejects import Reject
from openride_stream.events.topics import BY_NAME
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings

logger = logging.getLogger(__name__)

MAX_DEAD_LETTER_BYTES = 4 * 1024 * 1024
_BATCH_BYTES = 512 * 1024
# Where a record was first read: kept when a redriven record fails again, because identities hang on them.
_ORIGIN = ("dlq.topic", "dlq.partition", "dlq.offset", "dlq.timestamp", "dlq.first_seen")
_ATTEMPTS_DIGITS = 9

Headers = list[tuple[str, bytes]]


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
            bootstrap_servers=settings.kafka_bootstrap_servers,
            acks="all",
            max_request_size=MAX_DEAD_LETTER_BYTES,
            max_batch_size=_BATCH_BYTES,
        )
        await producer.start()
        return cls(producer, worker, metrics, clock, settings)

    async def close(self) -> None:
        """Send what is buffered and disconnect."""
        await self._producer.stop()

    async def publish(self, topic: str, partition: int, rejects: Sequence[Reject]) -> None:
        """Publish every reject to the source's partition, retrying for as long as the broker is away."""
        target = BY_NAME[topic].dead_letter_topic
        remaining = list(rejects)
        pause_s = self._first_pause_s
        while remaining:
            sent = await self._send(target, topic, partition, remaining)
            self._metrics.dead_letters_published_total.labels(topic).inc(sent)
            remaining = remaining[sent:]
            if remaining:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, self._longest_pause_s)

    async def _send(self, target: str, topic: str, partition: int, rejects: Sequence[Reject]) -> int:
        """Send one batch; returns how many rejects, from the first, the broker has acknowledged."""
        # A batch of our own: `send` refuses a record without key and value, which is a dead letter too.
        batch = self._producer.create_batch()
        count = 0
        for reject in rejects:
            record, now_ms = reject.record, self._clock.now_ms()
            headers = dead_letter_headers(topic, partition, reject, self._worker, now_ms)
            if batch.append(key=record.key, value=record.value, timestamp=now_ms, headers=headers) is None:
                break
            count += 1
        try:
            acknowledged = await self._producer.send_batch(batch, target, partition=partition)
            await acknowledged
        except (KafkaError, TimeoutError) as error:
            logger.warning("Dead letters not acknowledged, retrying", extra={"error": repr(error)})
            return 0
        return count


def dead_letter_headers(topic: str, partition: int, reject: Reject, worker: str, now_ms: int) -> Headers:
    """The contract's `dlq.*` headers after the record's own; times are milliseconds since the epoch."""
    record = reject.record
    given = dict(record.headers)
    origin = {
        "dlq.topic": topic.encode(),
        "dlq.partition": b"%d" % partition,
        "dlq.offset": b"%d" % record.offset,
        "dlq.timestamp": b"%d" % record.timestamp,
        "dlq.first_seen": b"%d" % now_ms,
    }
    if all(name in given for name in _ORIGIN):
        origin = {name: given[name] for name in _ORIGIN}
    reason = {
        "dlq.error.class": reject.error.encode(),
        "dlq.error.message": reject.message.encode(),
        "dlq.attempts": b"%d" % (_attempts(record) + 1),
        "dlq.worker": worker.encode(),
    }
    own = [(name, value) for name, value in record.headers if not name.startswith("dlq.")]
    return [*own, *origin.items(), *reason.items()]


def _attempts(record: Record) -> int:
    # Anyone can send a header: null, no number at all, or a number of a million digits.
    text = dict(record.headers).get("dlq.attempts") or b"0"
    return int(text) if text.isdigit() and len(text) <= _ATTEMPTS_DIGITS else 0
