"""What has to be stored and what has to be dead-lettered, from the log and from what the records are.

Written from the contract; it shares no code with the application. `bad` of a record is known from its
making, everything else follows from its bytes.
"""

import hashlib
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.log import Logged
from tests.reference.figures import Reference
from tests.reference.moments import event_ms
from tests.reference.schedules import Schedules

SCHEDULES = "schedule_analytics"
TIER_OF = {
    "openride.schedules.mongo": "mongo_periodic",
    "openride.schedules.clickhouse": "clickhouse_delayed",
    "openride.schedules.redis": "redis_immediate",
}
PERSONAL = frozenset({"phone", "email", "full_name", "ip_address"})
# What live figures look back to, with hours to spare.
LATELY_MS = 10 * 3_600_000
LOWEST_FIRST = 0xFFFF_FFFF_FFFF_FFFF

Place = tuple[str, int, int]
Content = tuple[str, int]
Anonymous = tuple[Place, int]
Buried = tuple[Place, str, str]


def table_of(topic: str) -> str:
    return f"{topic.rpartition('.')[2]}_events" if topic.startswith("openride.events.") else SCHEDULES


def precedence(value: bytes) -> int:
    """Rank among the contents of one event_id: of the smallest SHA-256 the highest."""
    return LOWEST_FIRST - int.from_bytes(hashlib.sha256(value).digest()[:8], "big")


@dataclass(slots=True)
class Table:
    """The rows of one table: contents of stated ids, and records without an id by their place.

    A place can be taken twice: by a record of a topic that was deleted, and by one of its successor.
    """

    contents: dict[Content, Logged] = field(default_factory=dict)
    anonymous: Counter[Anonymous] = field(default_factory=Counter)


@dataclass(slots=True)
class Expected:
    """Fed with every record of the log, once.

    `bad` is what the dead-letter topics hold; `buried` what their table does, also of topics that are gone.
    `of_late` has the events, each with an identity, that were young when they were sent.
    """

    bad_class_of: Callable[[Logged], str | None]
    reference: Reference = field(default_factory=lambda: Reference("NGN"))
    schedules: Schedules = field(default_factory=Schedules)
    tables: defaultdict[str, Table] = field(default_factory=lambda: defaultdict(Table))
    bad: dict[Place, tuple[str, Logged]] = field(default_factory=dict)
    buried: Counter[Buried] = field(default_factory=Counter)
    of_late: list[dict[str, Any]] = field(default_factory=list)
    _contents_of: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def add(self, records: Iterable[Logged]) -> None:
        for record in records:
            error = self.bad_class_of(record)
            if error is None:
                self._accept(record)
            else:
                self.bad[record.place] = error, record
                self.buried[record.place, error, hashlib.sha256(record.value or b"").hexdigest()] += 1

    def superseded(self) -> set[Content]:
        """Contents that lost to another content of their event_id."""
        return {
            (event_id, rank)
            for event_id, ranks in self._contents_of.items()
            for rank in ranks
            if rank != max(ranks)
        }

    def _accept(self, record: Logged) -> None:
        assert record.value is not None
        self.reference.add(record.topic, record.value)
        body = json.loads(record.value)
        name = table_of(record.topic)
        identity = "analytics_id" if name == SCHEDULES and not body.get("update") else "event_id"
        stated = body.get(identity)
        moment = event_ms(body.get("event_timestamp") or body["started_processing_at"])
        if moment > record.timestamp - LATELY_MS:
            self.of_late.append(_tiered(record.topic, body | {identity: stated or str(record.place)}))
        if name == SCHEDULES:
            named = body | {identity: stated or str(uuid.uuid5(uuid.NAMESPACE_OID, str(record.place)))}
            value = record.value if stated else json.dumps(named).encode()
            self.schedules.add(record.topic, value, record.timestamp)
        if not stated:
            self.tables[name].anonymous[record.place, precedence(record.value)] += 1
            return
        content = stated.lower(), precedence(record.value)
        self.tables[name].contents[content] = record
        self._contents_of[content[0]].add(content[1])


def _tiered(topic: str, event: dict[str, Any]) -> dict[str, Any]:
    """An execution says its tier, which its topic implies."""
    tier = TIER_OF.get(topic)
    return event if tier is None else event | {"schedule_type": tier}


def is_payload_of(payload: str, value: bytes) -> bool:
    """Whether `payload` may be stored of a record: its bytes, or its fields with the personal ones gone."""
    sent = json.loads(value)
    if not _personal(sent):
        return payload.encode() == value
    return _stored_as(sent, json.loads(payload))


def _personal(node: Any) -> bool:
    if isinstance(node, list):
        return any(map(_personal, node))
    if not isinstance(node, dict):
        return False
    return any((name in PERSONAL and value is not None) or _personal(value) for name, value in node.items())


def _stored_as(sent: Any, stored: Any) -> bool:
    if isinstance(sent, dict) and isinstance(stored, dict):
        return list(sent) == list(stored) and all(
            _masked(value, stored[name])
            if name in PERSONAL and value is not None
            else _stored_as(value, stored[name])
            for name, value in sent.items()
        )
    if isinstance(sent, list) and isinstance(stored, list):
        return len(sent) == len(stored) and all(map(_stored_as, sent, stored))
    return bool(sent == stored)


def _masked(sent: Any, stored: Any) -> bool:
    return isinstance(stored, str) and len(stored) == 64 and stored != sent
