"""Bad records of every class that the contract rejects, each made from a good one."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from openride_stream.events.rejects import RejectClass
from openride_stream.events.topics import BY_NAME, TOPICS
from openride_stream.replay.parcels import Parcel
from openride_stream.replay.routing import key_of
from openride_stream.replay.story import DAY_MS, rfc3339

Body = dict[str, Any]
LARGEST_RECORD_BYTES: Final = 1_048_576
MOST_LARGE_RECORDS: Final = 3  # they cost the memory of the embedded broker


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to spoil an event; `spoil` makes the record's value of the event and its bytes."""

    error: RejectClass
    spoil: Callable[[Body, bytes], bytes | None]
    schedules_too: bool = True


def _moment_field(body: Body) -> str:
    return "event_timestamp" if "event_timestamp" in body else "started_processing_at"


def _with(field: str, value: object) -> Callable[[Body, bytes], bytes]:
    return lambda body, _: orjson.dumps({**body, field: value})


def _moment(value: object) -> Callable[[Body, bytes], bytes]:
    return lambda body, _: orjson.dumps({**body, _moment_field(body): value})


def _without_last_field(body: Body, _: bytes) -> bytes:
    names = [name for name in body if name.endswith("_id") and name not in ("event_id", "analytics_id")]
    return orjson.dumps({name: value for name, value in body.items() if name != names[0]})


def _spliced(text: bytes) -> Callable[[Body, bytes], bytes]:
    return lambda _, value: value[:-1] + b"," + text + b"}"


_MALFORMED: Final = RejectClass.MALFORMED_JSON
_INVALID: Final = RejectClass.INVALID_FIELD
FAULTS: Final[tuple[Fault, ...]] = (
    Fault(_MALFORMED, lambda _, value: value[: len(value) // 2]),
    Fault(_MALFORMED, lambda _, value: value.replace(b'"', b"'")),
    Fault(_MALFORMED, lambda _, __: b""),
    Fault(_MALFORMED, lambda _, __: None),
    Fault(_MALFORMED, _spliced(b'"surge":NaN')),
    Fault(_MALFORMED, _spliced(b'"surge":-Infinity')),
    Fault(_MALFORMED, _spliced(b'"note":"\xff\xfe"')),
    Fault(_MALFORMED, lambda _, value: value + value),
    Fault(RejectClass.NOT_AN_OBJECT, lambda _, value: b"[" + value + b"]"),
    Fault(RejectClass.NOT_AN_OBJECT, lambda _, __: b'"an event"'),
    Fault(RejectClass.UNKNOWN_EVENT_TYPE, _with("event_type", "driver.teleported"), schedules_too=False),
    Fault(_INVALID, _without_last_field),
    Fault(_INVALID, _moment("yesterday")),
    Fault(_INVALID, _moment(1_700_000_000)),
    Fault(_INVALID, _moment("1999-12-31T23:59:59Z")),
    Fault(_INVALID, _with("event_id", "17"), schedules_too=False),
    Fault(_INVALID, _with("city", 5), schedules_too=False),
)


class Spoiler:
    """Adds bad records to good ones.

    Args:
        dice: decides how many, which and of what.
        rate: bad records for one good one (0..1).
        retention_days: days that each table keeps, for records that come too late.
    """

    def __init__(self, dice: random.Random, rate: float, retention_days: Mapping[str, int]) -> None:
        self._dice = dice
        self._rate = rate
        self._retention_days = retention_days
        self._large = 0

    def among(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """The good records, all of them, with bad ones in between."""
        throw = self._dice.random
        for parcel in parcels:
            yield parcel
            # In a file of events a value may be bad without saying so; then it is left alone.
            if throw() < self._rate and parcel.bad is None and (body := _object_in(parcel.value)):
                yield self.bad(parcel, body)

    def bad(self, good: Parcel, body: Body) -> Parcel:
        """A bad record made from a good one and the object that its value holds."""
        pick = self._dice.randrange(len(FAULTS) + 4)
        if pick < len(FAULTS):
            fault = FAULTS[pick]
            if not fault.schedules_too and BY_NAME[good.topic].tier:
                fault = FAULTS[0]
            return _parcel(good, fault.error, fault.spoil(body, good.value or b""))
        return (self._too_late, self._ahead, self._wrong_topic, self._large_or_ahead)[pick - len(FAULTS)](
            good, body
        )

    def _too_late(self, good: Parcel, body: Body) -> Parcel:
        late_ms = good.at_ms - (self._retention_days[BY_NAME[good.topic].table] + 30) * DAY_MS
        return _parcel(good, RejectClass.TOO_LATE, _moment(rfc3339(late_ms))(body, b""))

    def _ahead(self, good: Parcel, body: Body) -> Parcel:
        ahead = rfc3339(good.at_ms + 5 * 365 * DAY_MS)
        return _parcel(good, RejectClass.TIMESTAMP_TOO_FAR_AHEAD, _moment(ahead)(body, b""))

    def _wrong_topic(self, good: Parcel, body: Body) -> Parcel:
        if BY_NAME[good.topic].tier:
            others = [topic.name for topic in TOPICS if topic.tier and topic.name != good.topic]
        else:
            others = [topic.name for topic in TOPICS if not topic.tier and topic.name != good.topic]
        topic = self._dice.choice(others)
        key = key_of(topic, body)
        return _parcel(good, RejectClass.WRONG_TOPIC, good.value)._replace(
            topic=topic, key=key.encode() if key else good.key
        )

    def _large_or_ahead(self, good: Parcel, body: Body) -> Parcel:
        if self._large >= MOST_LARGE_RECORDS:
            return self._ahead(good, body)
        self._large += 1
        value = orjson.dumps({**body, "padding": "x" * LARGEST_RECORD_BYTES})
        return _parcel(good, RejectClass.RECORD_TOO_LARGE, value)


def _object_in(value: bytes | None) -> Body | None:
    try:
        body = orjson.loads(value or b"")
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _parcel(good: Parcel, error: RejectClass, value: bytes | None) -> Parcel:
    return Parcel(good.at_ms, good.topic, good.key, value, None, bad=error.value)
