"""From a record batch to its ack: decode, dead letters, live tables, sink.

A batch is acked when each of its records is either a durable row or an acknowledged dead letter; nothing
else acks it. Whatever fails in between leaves it unacked, and Kafka hands it out again.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from openride_stream.clickhouse.deliveries import Delivery
from openride_stream.clickhouse.sink import Sink
from openride_stream.clock import Clock
from openride_stream.errors import StoreRefused
from openride_stream.events.decode import DecodePolicy, decode
from openride_stream.events.records import RecordBatch
from openride_stream.events.rejects import Reject
from openride_stream.events.topics import BY_NAME
from openride_stream.metrics import Metrics

logger = logging.getLogger(__name__)

Rows = Sequence[dict[str, Any]]
LiveTable = Callable[[RecordBatch, Rows], None]


class DeadLetterPublisher(Protocol):
    """Where rejects go."""

    async def publish(self, topic: str, partition: int, rejects: Sequence[Reject]) -> None:
        """Return when the broker has acknowledged every dead letter."""
        ...


@dataclass(slots=True)
class Ingest:
    """What the nine agents share; one a worker.

    `live` are the live tables, each called once a batch, before anything of the batch can be acked.
    """

    policy: DecodePolicy
    sink: Sink
    dead_letters: DeadLetterPublisher
    metrics: Metrics
    clock: Clock
    live: tuple[LiveTable, ...] = ()

    async def accept(self, batch: RecordBatch, ack: Callable[[], object]) -> None:
        """Take one batch on; returns when the next one may be read, not when this one is durable."""
        source = BY_NAME[batch.topic]
        started_s = self.clock.monotonic_s()
        now_ms = self.clock.now_ms()
        decoded = decode(batch, self.policy, now_ms)
        self.metrics.decode_seconds.observe(self.clock.monotonic_s() - started_s)
        self.metrics.records_read_total.labels(batch.topic).inc(len(batch))
        self.metrics.events_accepted_total.labels(batch.topic).inc(len(decoded.rows))
        for apply in self.live:
            apply(batch, decoded.rows)
        await self._reject(batch, decoded.rejects)
        if not decoded.rows:
            ack()
            return

        async def refused(row: dict[str, Any], error: StoreRefused) -> None:
            await self._refuse(batch, row, error)

        def again() -> Rows:
            # Decoding is a function of the batch and the moment, and records are smaller than rows.
            return decode(batch, self.policy, now_ms).rows

        layout = await self.sink.layout(source.table)
        await self.sink.write(
            Delivery.of(source.table, decoded.rows, lambda: _done(ack), refused, layout=layout, again=again)
        )

    async def _reject(self, batch: RecordBatch, rejects: Sequence[Reject]) -> None:
        if not rejects:
            return
        for reject in rejects:
            self.metrics.rejects_total.labels(batch.topic, reject.error).inc()
        await self.dead_letters.publish(batch.topic, batch.partition, rejects)

    async def _refuse(self, batch: RecordBatch, row: dict[str, Any], error: StoreRefused) -> None:
        record = next(record for record in batch.records if record.offset == row["offset"])
        # ClickHouse quotes values in its message; a dead letter's header names the field and the code only.
        message = f"{error.column or '?'}: ClickHouse refused the row (code {error.code})"
        logger.warning("Row refused by ClickHouse", extra={"topic": batch.topic, "code": error.code})
        await self._reject(batch, [Reject(record, "StoreRefused", message)])


def _done(ack: Callable[[], object]) -> None:
    ack()
