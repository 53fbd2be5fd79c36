"""What became of records at whose offsets no row stands: read again, decoded, looked up by identity."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from openride_stream.audit.account import Account
from openride_stream.audit.dead import DeadLetterIndex
from openride_stream.clickhouse.positions import Positions
from openride_stream.events.decode import DecodePolicy, decode
from openride_stream.events.identity import precedence
from openride_stream.events.records import RecordBatch
from openride_stream.events.rejects import Reject, RejectClass
from openride_stream.events.topics import SourceTopic
from openride_stream.kafka.reread import reread
from openride_stream.offsets import Offsets

# Looked up together: enough for a scan of the table to be worth it.
_LOOKUP_RECORDS: Final = 20_000
_NOT_STORED: Final = "the event is stored nowhere"


@dataclass(slots=True)
class Examiner:
    """Examines the unexplained offsets of one topic's partitions.

    `now_ms` is wall-clock time in milliseconds since the epoch, by which events expire. Events from before
    `cleaned_ms` may have been deleted on purpose.
    """

    source: SourceTopic
    reader: AIOKafkaConsumer
    positions: Positions
    policy: DecodePolicy
    dead: DeadLetterIndex
    now_ms: int
    cleaned_ms: int = 0
    _waiting: list[ConsumerRecord] = field(default_factory=list)

    async def examine(self, account: Account, unexplained: Offsets) -> None:
        """Book every one of `unexplained`, all of which Kafka is believed to have still.

        Raises:
            BrokerUnavailable, StoreUnavailable: nothing can be said.
        """
        tp = TopicPartition(account.topic, account.partition)
        seen: list[int] = []
        position = 0
        async for run in reread(self.reader, tp, unexplained):
            position = run.position
            seen += [record.offset for record in run.records]
            self._waiting += run.records
            if len(self._waiting) >= _LOOKUP_RECORDS:
                await self._look_up(account)
        await self._look_up(account)
        # Asked afterwards: what was deleted meanwhile was passed over just like what never was.
        begin = (await self.reader.beginning_offsets([tp]))[tp]
        unseen = unexplained.without(seen)
        known = unseen.between(begin, position)
        account.book("no_record", len(known))
        account.book("unchecked", len(unseen) - len(known))

    async def _look_up(self, account: Account) -> None:
        records = {record.offset: record for record in self._waiting}
        self._waiting = []
        dead = {
            offset
            for offset, record in records.items()
            if self.dead.names(record, account.topic, account.partition)
        }
        account.book("dead_lettered", len(dead))
        alive = [record for offset, record in records.items() if offset not in dead]
        if alive:
            batch = RecordBatch(account.topic, account.partition, alive)
            decoded = decode(batch, self.policy, self.now_ms)
            self._book_rejects(account, decoded.rejects)
            await self._book_rows(account, decoded.rows, records)

    def _book_rejects(self, account: Account, rejects: Sequence[Reject]) -> None:
        for reject in rejects:
            if reject.error == RejectClass.TOO_LATE:
                account.book("expired", 1)
            elif account.partition in self.dead.forgetful:
                account.book("unchecked", 1)
            else:
                reason = f"refused ({reject.error}), and no dead letter names it"
                account.miss([reject.record.offset], reason)

    async def _book_rows(
        self, account: Account, rows: Sequence[dict[str, Any]], records: dict[int, ConsumerRecord]
    ) -> None:
        if not rows:
            return
        identities = {row["offset"]: _identity(row, records[row["offset"]]) for row in rows}
        times_ms = [row["event_timestamp"] for row in rows]
        stored = await self.positions.stored(
            self.source.table, set(identities.values()), min(times_ms), max(times_ms)
        )
        cleaned = {row["offset"] for row in rows if row["event_timestamp"] < self.cleaned_ms}
        for offset, identity in identities.items():
            places = stored.get(identity)
            if places is None and offset in cleaned:
                account.book("expired", 1)
            elif places is None:
                account.miss([offset], _NOT_STORED)
            elif (account.topic, account.partition, offset) in places:
                account.book("stored", 1)
            else:
                account.book("duplicate", 1)


def _identity(row: dict[str, Any], record: ConsumerRecord) -> tuple[str, int]:
    return row["event_id"], precedence(record.value)
