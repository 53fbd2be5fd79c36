"""Executions and updates from HTTP to the topic of their tier; what is refused there is refused here."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, Protocol
from uuid import UUID, uuid4

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.queries.schedules.known import Known, known_execution
from openride_stream.clock import Clock, rfc3339
from openride_stream.errors import Rejected
from openride_stream.events import documents
from openride_stream.events.examination import examine
from openride_stream.events.frame import Frame
from openride_stream.events.policy import DecodePolicy
from openride_stream.events.registry import Row
from openride_stream.events.rejects import RejectClass, Rejection
from openride_stream.events.topics import TOPICS, SourceTopic, Tier
from openride_stream.kafka.producing import Written

SOURCES: Final[Mapping[str, SourceTopic]] = {topic.tier: topic for topic in TOPICS if topic.tier}
KNOWN_WITHIN_S: Final = 2.0
"""How long an update waits for its execution to be stored, as one that was sent just before it will be."""
_LOOK_EVERY_S: Final = 0.1
_REMEMBERED: Final = 10_000
"""Executions that were written here are known without the store, the last ones."""
_TIERS: Final = f"must be one of {', '.join(SOURCES)}"


class UnknownExecution(Rejected):
    """No execution has that analytics_id."""


class Producer(Protocol):
    """Where records go: `openride_stream.kafka.producing.RecordProducer` is one."""

    async def write(self, topic: str, key: bytes, value: bytes, timestamp_ms: int) -> Written:
        """Return when the brokers have the record; raises `BrokerUnavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class Offered:
    """A record as it would be read back: not written yet."""

    value: bytes
    timestamp: int
    offset: int = 0
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """What the brokers have."""

    analytics_id: str
    event_id: str
    where: Written


@dataclass(slots=True)
class ScheduleIntake:
    """The way in for the HTTP API. `new_id` makes the identity of what comes without one."""

    policy: DecodePolicy
    producer: Producer
    store: ClickHouse
    clock: Clock
    new_id: Callable[[], UUID] = uuid4
    _last_update_ms: int = field(default=0, init=False)
    _updates_ahead: int = field(default=0, init=False)
    _posted: OrderedDict[str, Known] = field(default_factory=OrderedDict, init=False)

    async def execution(self, body: bytes, tier: Tier | None) -> Taken:
        """Write an execution of `tier`, or of the tier that its schedule_type names.

        An analytics_id is added where there is none: the record is the same execution however often it is
        delivered.

        Raises:
            Rejection: it is not one; nothing was written.
            BrokerUnavailable: the brokers did not say that they have it.
        """
        document = _document(body)
        if document.get("update") is True:
            _refuse("update", "an execution is changed by PATCH")
        source = SOURCES[tier or _tier_of(document)]
        if document.get("analytics_id") is None:
            document["analytics_id"] = str(self.new_id())
            body = documents.dumps(document).encode()
        stamped_ms = self.clock.now_ms()
        taken = await self._write(source, body, stamped_ms)
        self._remember(taken.analytics_id, Known(source.tier or "", document["schedule_id"], stamped_ms))
        return taken

    async def update(self, analytics_id: str, body: bytes) -> Taken:
        """Write an update of the execution `analytics_id`, written here before, or stored within two seconds.

        Raises:
            Rejection: it is none, or of another execution, or nothing that is written now would be newer than
                what it changes; nothing was written.
            UnknownExecution: nobody knows the execution.
            BrokerUnavailable: the brokers did not say that they have it.
            StoreUnavailable: nobody can say whether the execution is known.
        """
        document = _document(body)
        told = document.get("analytics_id")
        if told is not None and (not isinstance(told, str) or told.lower() != analytics_id):
            _refuse("analytics_id", "must be that of the path, or be left out")
        if document.get("update", True) is not True:
            _refuse("update", "must be true, or be left out")
        document |= {"analytics_id": analytics_id, "update": True}
        if document.get("event_id") is None:
            document["event_id"] = str(self.new_id())
        body = documents.dumps(document).encode()
        if document.get("schedule_type") is None:
            # Whether it is an update at all does not hang on the tier.
            self._row(SOURCES["mongo_periodic"], body, self.clock.now_ms())
        else:
            self._row(SOURCES[_tier_of(document)], body, self.clock.now_ms())
        known = await self._known(analytics_id)
        source = SOURCES[known.schedule_type]
        return await self._write(source, body, self._stamp_ms(known), known.schedule_id)

    def _remember(self, analytics_id: str, posted: Known) -> None:
        self._posted[analytics_id] = posted
        if len(self._posted) > _REMEMBERED:
            self._posted.popitem(last=False)

    def _stamp_ms(self, known: Known) -> int:
        """The newest timestamp wins: the one of an update comes last, whatever the clocks of others say."""
        now_ms = self.clock.now_ms()
        self._last_update_ms = max(now_ms, self._last_update_ms + 1)
        if known.newest_ms < self._last_update_ms:
            return self._last_update_ms
        # Somebody's clock is ahead: that concerns what was stamped by it, and no other execution.
        self._updates_ahead += 1
        stamp_ms = known.newest_ms + self._updates_ahead
        if stamp_ms > now_ms + self.policy.max_ahead_ms:
            _refuse(
                "analytics_id", f"a record of it is stamped {rfc3339(known.newest_ms)}: no update is newer"
            )
        return stamp_ms

    def _row(self, source: SourceTopic, body: bytes, now_ms: int) -> Row:
        """The row that a worker would make of it."""
        floor_ms = self.policy.floor_ms(source.table, now_ms)
        return examine(Offered(body, now_ms), Frame(source, 0, self.policy, floor_ms, now_ms))

    async def _write(
        self, source: SourceTopic, body: bytes, timestamp_ms: int, schedule_id: str | None = None
    ) -> Taken:
        row = self._row(source, body, timestamp_ms)
        key = (schedule_id or row["schedule_id"]).encode()
        where = await self.producer.write(source.name, key, body, timestamp_ms)
        return Taken(row["analytics_id"], row["event_id"], where)

    async def _known(self, analytics_id: str) -> Known:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + KNOWN_WITHIN_S
        while (known := await known_execution(self.store, analytics_id)) is None:
            # What the brokers have will be stored, however far behind reading is.
            if (posted := self._posted.get(analytics_id.lower())) is not None:
                return posted
            if loop.time() >= deadline_s:
                message = f"no execution has the analytics_id {analytics_id}"
                raise UnknownExecution(message)
            await asyncio.sleep(_LOOK_EVERY_S)
        return known


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = documents.loads(body.decode())
    except UnicodeDecodeError as error:
        message = f"not UTF-8 at byte {error.start}"
        raise Rejection(RejectClass.MALFORMED_JSON, message) from None
    if not isinstance(document, dict):
        message = "must be a JSON object"
        raise Rejection(RejectClass.NOT_AN_OBJECT, message)
    return document


def _tier_of(document: Mapping[str, Any]) -> str:
    tier = document.get("schedule_type")
    if not isinstance(tier, str) or tier not in SOURCES:
        _refuse("schedule_type", _TIERS)
    return tier


def _refuse(name: str, detail: str) -> NoReturn:
    raise Rejection(RejectClass.INVALID_FIELD, f"{name}: {detail}")
