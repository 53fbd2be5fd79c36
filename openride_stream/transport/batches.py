"""A Faust transport that hands records to agents a batch at a time.

For the topics named in `BatchApp.batch_topics` (see `fetching`) every fetched run of records of a partition
becomes one Message: its value is a `RecordBatch`, its offset the last one. Agents stay ordinary agents. Every
other topic (changelogs, ordinary agents) is read record by record, as Faust does.
"""

import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from time import monotonic
from typing import Any

from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from faust.types.transports import TPorTopicSet

from openride_stream.events.records import Record
from openride_stream.transport import membership
from openride_stream.transport.fetching import ConsumerThread, batch_app, position
from openride_stream.transport.ledger import Ledger
from openride_stream.transport.messages import BatchMessage


class Consumer(driver.Consumer):
    """Delivers batches and commits only what the ledger says is done."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ledger = Ledger()
        self._batch_topics = batch_app(self.app).batch_topics
        self._committed_at_s: float | None = None
        self._undelivered: set[TP] = set()
        self._gaps: set[TP] = set()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Fetch from the broker and yield batches (batch topics) and single messages (the others)."""
        if self._undelivered and self.flow_active:
            await self._read_again()
        records, active = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        # What is dropped here was read: its partition has to go back, now or before it flows again. Whoever
        # stopped the flow does so as well, but may have done it while these records were still on their way.
        self._undelivered.update(tp for tp in records if tp.topic in self._batch_topics)
        if not self.flow_active:
            return
        for tp, run in list(records.items()):
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            async for message in self._messages(tp, run, active):
                # A rebalance may have begun while the last message was being delivered.
                if not self.flow_active or self.app.consumer_generation_id != generation:
                    return
                if isinstance(message, BatchMessage):
                    batch = message.batch
                    message.handout = self.ledger.hand_out(tp, batch.first_offset, batch.last_offset)
                    self._delivered(tp)
                yield tp, message
            self._delivered(tp)

    def _delivered(self, tp: TP) -> None:
        """Note that what was read of a partition was handed out, if that is all of it."""
        if tp not in self._gaps:
            self._undelivered.discard(tp)

    async def _read_again(self) -> None:
        """Go back, where records were read and not delivered, to what the ledger expects next."""
        waiting, self._undelivered = self._undelivered & self.assignment(), set()
        for tp in waiting:
            expected = self._expected(tp)
            level = logging.DEBUG if tp in self._gaps else logging.INFO
            self.log.log(level, "Records of %r from %s on were not delivered: reading again", tp, expected)
            await self.seek(tp, expected)

    def _expected(self, tp: TP) -> int:
        """The offset to be delivered next."""
        expected = self.ledger.next_offset(tp)
        return (self._read_offset[tp] or 0) if expected is None else expected

    async def _messages(
        self, tp: TP, run: Sequence[Record], active: set[TP] | None
    ) -> AsyncIterator[Message]:
        if tp.topic in self._batch_topics:
            if run and (following := self._following(tp, run)):
                continued = run[:following] if following < len(run) else run
                yield BatchMessage.of(tp, continued, self.app.consumer_generation_id)
        elif active is None or tp in active or tp in self._buffered_partitions:
            for record in run:
                yield self._to_message(tp, record)

    def _following(self, tp: TP, run: Sequence[Record]) -> int:
        """How many records of `run` continue what was delivered; what is missing is read again."""
        read, looked = self._read_offset[tp], tp in self._gaps
        self._gaps.discard(tp)
        if read is not None and run[-1].offset < read:
            if not self._begins_again(tp, read):
                return 0
            self._forget_reading(tp, read, run[0].offset)
        expected = self._expected(tp)
        wary = batch_app(self.app).true_end_offsets is not None
        following = self.ledger.following(tp, expected, run, wary=wary)
        if following < len(run):
            self._gaps.add(tp)
            missing = run[following - 1].offset + 1 if following else expected
            if not looked:
                self.log.info("%r: %s was read, and %s was not", tp, run[following].offset, missing)
        return following

    def _begins_again(self, tp: TP, read: int) -> bool:
        """Whether the log was cut before `read`: the broker had no such offset, and is read from the start.

        Else the records were fetched before the partition was ours, or ours anew.
        """
        at = position(self._thread._ensure_consumer(), tp)
        return at is not None and at <= read

    def _forget_reading(self, tp: TP, read: int, first: int) -> None:
        self.log.warning(
            "%r: offset %s was to be read next, and the log ends before it (cut, or restored from a copy): "
            "all that it holds is read again, from %s on",
            tp,
            read,
            first,
        )
        self.ledger.reset(tp, first)
        self._read_offset[tp] = first or None
        self._committed_offset[tp] = None

    async def perform_seek(self) -> None:
        """Go back to the committed offsets; what was handed out before will be read again."""
        await super().perform_seek()
        for tp in self.assignment():
            if tp.topic in self._batch_topics:
                self.ledger.reset(tp, self._read_offset[tp] or 0)

    def ack(self, message: Message) -> bool:
        """Mark a message as done; batches by the ledger, the rest as Faust does."""
        if not isinstance(message, BatchMessage):
            return bool(super().ack(message))
        message.acked = True
        self._unacked_messages.discard(message)
        return self.ledger.ack(message.handout)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        # Every batch looks like a gap to Faust. Its intervals would pile up, sorted anew at each batch.
        if tp.topic not in self._batch_topics:
            await super()._add_gap(tp, offset_from, offset_to)

    def _filter_tps_with_pending_acks(self, topics: TPorTopicSet | None = None) -> Iterator[TP]:
        yield from super()._filter_tps_with_pending_acks(topics)
        for tp in self.ledger.partitions():
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic in self._batch_topics:
            return self.ledger.committable(tp)
        return super()._new_offset(tp)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        # Faust takes a committed offset of 0 and none at all for the same thing.
        committed = self._committed_offset[tp]
        return committed is None or offset > committed

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        committed = bool(await super()._commit(offsets))
        if committed:
            self._committed_at_s = monotonic()
        return committed

    def last_commit_age_s(self) -> float | None:
        """Seconds since this consumer last committed an offset; None when it never has."""
        return None if self._committed_at_s is None else monotonic() - self._committed_at_s

    def log_ends(self) -> dict[TP, int]:
        """Where the log ends of each batch partition that is ours and was fetched from."""
        ends = {tp: self.highwater(tp) for tp in self.assignment() if tp.topic in self._batch_topics}
        return {tp: end for tp, end in ends.items() if end is not None}

    def lag_records(self) -> dict[TP, int]:
        """Log end − committed offset of each batch partition that is ours and was fetched from."""
        return {tp: max(0, end - (self._committed_offset[tp] or 0)) for tp, end in self.log_ends().items()}

    def owes(self, tp: TP, end: int) -> bool:
        """Whether a record before the log end `end` is still to be fetched, or a batch to be acked."""
        if self.ledger.outstanding(tp):
            return True
        at = position(self._thread._ensure_consumer(), tp)
        return at is None or at < end

    def rejoins(self) -> bool:
        """Whether a rebalance is under way, as the group has it."""
        inner = self._thread._consumer
        return inner is not None and membership.rejoins(inner)

    def loss(self) -> str | None:
        """Why this consumer is out of its group for good; None while it is not."""
        inner = self._thread._consumer
        return None if inner is None else membership.loss(inner)

    def resume_flow(self) -> None:
        """Let records flow, unless the next rebalance has begun: a recovery may end after that."""
        if not self.rejoins():
            super().resume_flow()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Make what is in flight durable and commit it while the partitions are still ours."""
        if not self.app.should_stop:  # else `on_stop` drains, and twice would be too long
            self.stop_flow()
            # Agents would go on with what is buffered, and the drain would wait for that as well.
            self.app.flow_control.suspend()
            self.app.flow_control.clear()
            await batch_app(self.app).drain()
            await self._commit_all()
        for tp in revoked:
            self.ledger.forget(tp)
        self._undelivered -= revoked
        self._gaps -= revoked
        # Else a buffer that empties later would make Faust fetch from a partition of somebody else.
        self._buffered_partitions.difference_update(revoked)
        await super().on_partitions_revoked(revoked)

    async def _commit_all(self) -> None:
        # `commit` joins one that runs already, which may have begun before the last acks.
        await self.maybe_wait_for_commit_to_finish()
        await self.commit()

    async def on_stop(self) -> None:
        """Make what is in flight durable, commit, leave the group."""
        await batch_app(self.app).drain()
        await self.maybe_wait_for_commit_to_finish()
        await super().on_stop()


class Transport(driver.Transport):
    """Faust's aiokafka transport with the batch consumer."""

    Consumer = Consumer
