"""The audit of topics: every consumed offset has exactly one fate.

Three questions, each only about what the one before left open: at which offsets does a row stand (one scan
of the table, by ranges); which offsets does a dead letter name; and what are the records at the rest.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from openride_stream.audit.account import Account
from openride_stream.audit.dead import index_dead_letters
from openride_stream.audit.examination import Examiner
from openride_stream.clickhouse.cleanup import cleaned_before_ms
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.positions import Positions, Stretch
from openride_stream.clock import Clock
from openride_stream.events.decode import DecodePolicy
from openride_stream.events.topics import BY_NAME, SourceTopic
from openride_stream.kafka.admin import cluster_id
from openride_stream.kafka.end_offsets import broker_misreports_end
from openride_stream.kafka.positions import LogPosition, log_positions
from openride_stream.kafka.reread import open_reader, reread
from openride_stream.offsets import Offsets
from openride_stream.settings import Settings

# The very first offset may have no record.
_FIRST_RECORDS: Final = 1_000

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Auditor:
    """Audits topic by topic.

    With `deep` no row is believed for its offset: every retained record is read again and looked up.
    """

    settings: Settings
    store: ClickHouse
    clock: Clock
    deep: bool = False

    async def run(self, topics: Sequence[str], tell: Tell) -> list[Account]:
        """The account of every partition of `topics`; `tell` hears what is being done.

        Raises:
            ConfigurationError: the settings hold no pii_key, without which records cannot be decoded.
            BrokerUnavailable, StoreUnavailable: nothing can be said.
        """
        tell("asking Kafka where the group stands")
        policy = DecodePolicy.from_settings(self.settings, await cluster_id(self.settings))
        mend_ends = self.settings.kafka_end_offset_probe and await broker_misreports_end(self.settings)
        found = await log_positions(self.settings, topics, mend_ends)
        accounts: list[Account] = []
        async with open_reader(self.settings) as reader:
            for topic in topics:
                here = [position for position in found if position.topic == topic]
                audit = _TopicAudit(self, BY_NAME[topic], reader, policy, tell)
                accounts += [account async for account in audit.accounts(here)]
        return accounts


@dataclass(frozen=True, slots=True)
class _TopicAudit:
    auditor: Auditor
    source: SourceTopic
    reader: AIOKafkaConsumer
    policy: DecodePolicy
    tell: Tell

    async def accounts(self, found: Sequence[LogPosition]) -> AsyncIterator[Account]:
        if not any(position.consumed for position in found):
            for position in found:
                yield _opened(position)
            return
        self.tell(f"{self.source.name}: dead letters")
        positions = Positions(self.auditor.store)
        dead = await index_dead_letters(self.auditor.settings, self.reader, positions, self.source)
        self.tell(f"{self.source.name}: rows")
        stretches = [await self._stretch(position) for position in found]
        absent = await positions.absent(self.source.table, self.source.name, stretches)
        now_ms = self.auditor.clock.now_ms()
        cleaned_ms = 0 if self.source.tier is None else await cleaned_before_ms(self.auditor.store)
        examiner = Examiner(self.source, self.reader, positions, self.policy, dead, now_ms, cleaned_ms)
        for position, stretch in zip(found, stretches, strict=True):
            account = _opened(position)
            await self._settle(account, stretch, absent[stretch.partition], examiner)
            yield account

    async def _stretch(self, position: LogPosition) -> Stretch:
        begin = min(position.begin, position.consumed)
        return Stretch(position.partition, begin, position.consumed, await self._first_ms(position))

    async def _first_ms(self, position: LogPosition) -> int:
        """The timestamp of the oldest record that Kafka has; no row of it can be older."""
        tp = TopicPartition(position.topic, position.partition)
        one = Offsets([(position.begin, min(position.begin + _FIRST_RECORDS, position.consumed))])
        async for run in reread(self.reader, tp, one):
            for record in run.records:
                return int(record.timestamp)
        return 0

    async def _settle(self, account: Account, stretch: Stretch, absent: Offsets, examiner: Examiner) -> None:
        """Give every consumed offset of a partition its fate; `absent` are those without a row."""
        begin, consumed = stretch.begin, stretch.end
        # Below this offset a row or a dead letter is believed for naming the offset.
        limit = begin if self.auditor.deep else consumed
        absent = absent.between(0, limit)
        unexplained = absent.without(examiner.dead.offsets(stretch))
        account.book("stored", limit - len(absent))
        account.book("dead_lettered", len(absent) - len(unexplained))
        account.book("unchecked", len(unexplained.between(0, begin)))
        again = Offsets([*unexplained.between(begin, limit).ranges, (limit, consumed)])
        if again.ranges:
            self.tell(f"{account.topic}[{account.partition}]: {len(again):,} records read again")
            await examiner.examine(account, again)


def _opened(position: LogPosition) -> Account:
    return Account(position.topic, position.partition, position.begin, position.consumed)
