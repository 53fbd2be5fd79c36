"""From a record batch to its ack: decode, dead letters, live tables, sink.

A batch is acked when each of its records is either a durable row or an acknowledged dead letter, itself a
durable row of `dead_letters`, and the changelog has what it adds to the live tables; nothing else acks it.
Whatever fails in between leaves it unacked, and Kafka hands it out again. A batch that opens its partition's
circuit waits in `parking`.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

import orjson

from openride_stream.circuit import Trip
from openride_stream.clickhouse.deliveries import Delivery, Format
from openride_stream.clickhouse.refusals import Place
from openride_stream.clickhouse.sink import Sink
from openride_stream.clock import Clock
from openride_stream.errors import StoreRefused
from openride_stream.events.accept import Accepted, accept
from openride_stream.events.decode import DecodePolicy, decode
from openride_stream.events.letter_views import letter_row
from openride_stream.events.letters import Letter
from openride_stream.events.records import RecordBatch
from openride_stream.events.rejects import Reject
from openride_stream.events.topics import BY_NAME
from openride_stream.metrics import Metrics
from openride_stream.parking import Parking

logger = logging.getLogger(__name__)

_LETTERS: Final = "dead_letters"

Rows = Sequence[dict[str, Any]]
Watcher = Callable[[RecordBatch, Accepted], None]
Owe = Callable[[], Callable[[], None]]


class DeadLetterPublisher(Protocol):
    """Where rejects go."""

    async def publish(self, topic: str, partition: int, rejects: Sequence[Reject]) -> Sequence[Letter]:
        """Return the dead letters when the broker has acknowledged every one."""
        ...


class Live(Protocol):
    """The live tables."""

    async def apply(self, batch: RecordBatch, accepted: Accepted, owe: Owe) -> None:
        """Take the accepted events of one batch.

        `owe` is called when that leaves something to be written, and its answer once it is.
        """
        ...


class Owed:
    """What a batch owes before it may be acked; the last debt that is paid acks it."""

    __slots__ = ("_ack", "_open")

    def __init__(self, ack: Callable[[], object]) -> None:
        self._ack = ack
        self._open = 0

    def debt(self) -> Callable[[], None]:
        """One debt more; call the answer once, when it is paid."""
        self._open += 1
        return self._paid

    def _paid(self) -> None:
        self._open -= 1
        if not self._open:
            self._ack()


@dataclass(slots=True)
class Ingest:
    """What the nine agents share; one a worker.

    `live` are the live tables: a batch is acked once what it adds to them is written as well. `watchers`
    are called once a batch and keep nothing that a restart would lose.
    """

    policy: DecodePolicy
    sink: Sink
    dead_letters: DeadLetterPublisher
    metrics: Metrics
    clock: Clock
    parking: Parking
    watchers: tuple[Watcher, ...] = ()
    live: Live | None = None
    _late: set[asyncio.Task[None]] = field(default_factory=set)

    async def accept(self, batch: RecordBatch, ack: Callable[[], object]) -> None:
        """Take one batch on; returns when the next one may be read, not when this one is durable."""
        if self.parking.holds(batch.topic, batch.partition):
            self.parking.park(batch, ack)
        elif (trip := await self.take(batch, ack)) is not None:
            self.parking.park(batch, ack, trip)

    async def take(self, batch: RecordBatch, ack: Callable[[], object]) -> Trip | None:
        """Deliver one batch; or nothing of it, when too much is bad or its table is held, and say so."""
        place = batch.topic, batch.partition
        if (trip := self._held(BY_NAME[batch.topic].table, place)) is not None:
            return trip
        started_s = self.clock.monotonic_s()
        now_ms = self.clock.now_ms()
        accepted = self._accept(batch, now_ms)
        if accepted.rejects and (trip := self._held(_LETTERS, place)) is not None:
            return trip
        if (trip := self.parking.circuit.judge(batch, accepted.rejects)) is not None:
            return trip
        self.metrics.decode_seconds.observe(self.clock.monotonic_s() - started_s)
        self.metrics.batch_records.observe(len(batch))
        self.metrics.records_read_total.labels(batch.topic).inc(len(batch))
        self.metrics.events_accepted_total.labels(batch.topic).inc(len(accepted))
        for watch in self.watchers:
            watch(batch, accepted)
        owed = Owed(lambda: self._durable(started_s, ack))
        handed_over = owed.debt()
        if self.live is not None:
            await self.live.apply(batch, accepted, owed.debt)
        if letters := await self._reject(batch, accepted.rejects):
            await self._keep(letters, owed.debt())
        if len(accepted):
            await self._store(batch, accepted, owed, now_ms)
        handed_over()
        return None

    def waits(self, topic: str, partition: int) -> bool:
        """Whether the partition is paused, or will be with its next batch, as its table is held."""
        return self.parking.holds(topic, partition) or self.sink.held(BY_NAME[topic].table) is not None

    def _held(self, table: str, place: Place) -> Trip | None:
        held = self.sink.held(table)
        if held is None:
            return None
        still = partial(self._held, table, place)
        return Trip(held.reason, held.refused, still, partial(self.sink.let_refused, table, place))

    def _accept(self, batch: RecordBatch, now_ms: int) -> Accepted:
        try:
            return accept(batch, self.policy, now_ms)
        except Exception:
            # Columns are only the quicker way: what they stumble over must not stop the partition for good.
            logger.exception("Read as rows: columns failed", extra={"topic": batch.topic})
            decoded = decode(batch, self.policy, now_ms)
            return Accepted((), decoded.rows, decoded.rejects)

    def _durable(self, started_s: float, ack: Callable[[], object]) -> None:
        self.metrics.batch_durable_seconds.observe(self.clock.monotonic_s() - started_s)
        ack()

    async def _store(self, batch: RecordBatch, accepted: Accepted, owed: Owed, now_ms: int) -> None:
        table = BY_NAME[batch.topic].table

        async def refused(row: dict[str, Any], error: StoreRefused) -> None:
            await self._refuse(batch, row, error, owed)

        def again() -> Rows:
            # Decoding is a function of the batch and the moment, and records are smaller than rows.
            return decode(batch, self.policy, now_ms).rows

        layout = await self.sink.layout(table)
        await self.sink.write(
            Delivery.of(
                table,
                accepted.rows,
                owed.debt(),
                refused,
                columns=accepted.columns,
                layout=layout,
                again=again,
            )
        )

    async def _reject(self, batch: RecordBatch, rejects: Sequence[Reject]) -> Sequence[Letter]:
        if not rejects:
            return ()
        for reject in rejects:
            self.metrics.rejects_total.labels(batch.topic, reject.error).inc()
        return await self.dead_letters.publish(batch.topic, batch.partition, rejects)

    async def _refuse(self, batch: RecordBatch, row: dict[str, Any], error: StoreRefused, owed: Owed) -> None:
        record = batch.at_offset(row["offset"])
        # ClickHouse quotes values in its message; a dead letter's header names the field and the code only.
        message = f"{error.column or '?'}: ClickHouse refused the row (code {error.code})"
        logger.warning("Row refused by ClickHouse", extra={"topic": batch.topic, "code": error.code})
        letters = await self._reject(batch, [Reject(record, "StoreRefused", message)])
        # This is inside a flush: to wait here for room in the sink would be to wait for oneself.
        keeping = asyncio.create_task(self._keep(letters, owed.debt()))
        self._late.add(keeping)
        keeping.add_done_callback(self._late.discard)

    async def _keep(self, letters: Sequence[Letter], durable: Callable[[], None]) -> None:
        """Give acknowledged dead letters their rows, through the same sink as events."""
        rows = [letter_row(letter, self.policy.pii_key, self.policy.max_record_bytes) for letter in letters]
        body = orjson.dumps(rows)[1:-1]
        await self.sink.write(
            Delivery(_LETTERS, Format.JSON, body, len(rows), frozenset(), durable, _not_kept, lambda: rows)
        )


async def _not_kept(row: dict[str, Any], error: StoreRefused) -> None:
    # The dead letter itself is in its topic, and `openride dlq` reads that.
    logger.error(
        "ClickHouse refused the row of a dead letter",
        extra={"topic": row["topic"], "dlq_offset": row["dlq_offset"], "code": error.code},
    )
