"""Hypothesis strategies: valid records of every type, as dicts and as bytes, and records gone wrong.

`events()` and `executions()` draw what a producer may send, optional fields present, absent or null, numbers
in every spelling that JSON allows. `mutated()` draws values that are nearly valid. None of it depends on the
code under test but the names of the fields.
"""

import json
import string
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from openride_stream.events.example import EXECUTION_NAME
from openride_stream.events.registry import EVENT_SHAPES, EXECUTION, UPDATE, Shape
from openride_stream.events.topics import TOPICS
from tests.events.batches import NOW_MS, topic_of

Event = dict[str, Any]

_NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
_WIRE_TEXT = st.text(max_size=20)  # as wide as UTF-8: all but surrogates


def texts() -> st.SearchStrategy[str]:
    """Any Unicode that UTF-8 can hold, with the characters that break careless joining."""
    return st.one_of(
        _WIRE_TEXT, st.text('{}[],:"\\/ \n\x00é😀NaNul', max_size=12), st.just("null NaN Infinity")
    )


def ids() -> st.SearchStrategy[str]:
    return st.uuids().flatmap(lambda value: st.sampled_from([str(value), str(value).upper()]))


@st.composite
def timestamps(draw: st.DrawFn) -> str:
    """An RFC 3339 time within the last 20 days, in any of its spellings."""
    moment = _NOW - timedelta(microseconds=draw(st.integers(0, 20 * 86_400 * 10**6)))
    offset_minutes = draw(st.sampled_from([0, 60, -330]))
    local = moment + timedelta(minutes=offset_minutes)
    fraction = draw(st.sampled_from(["", f".{local.microsecond:06d}", f".{local.microsecond:06d}789"]))
    zones = {0: ["Z", "z", "", "+00:00", "-00:00"], 60: ["+01:00"], -330: ["-05:30"]}
    separator = draw(st.sampled_from("Tt"))
    zone = draw(st.sampled_from(zones[offset_minutes]))
    return f"{local:%Y-%m-%d}{separator}{local:%H:%M:%S}{fraction}{zone}"


def moneys() -> st.SearchStrategy[Any]:
    cents = st.integers(0, 10**14)
    return st.one_of(
        cents.map(lambda c: f"{c // 100}.{c % 100:02d}"),
        st.integers(0, 10**16 - 1),
        st.integers(0, 10**16 - 1).map(str),
        st.integers(0, 10**10).map(lambda c: c / 100),
        st.just("0.5"),
    )


def amounts(low: float = 0, high: float = 1e9, **bounds: Any) -> st.SearchStrategy[Any]:
    floats = st.floats(low, high, allow_nan=False, allow_infinity=False, **bounds)
    return st.one_of(floats, st.integers(int(low), int(high) - 1))


def wholes(low: int, high: int) -> st.SearchStrategy[Any]:
    integers = st.integers(low, high)
    return st.one_of(integers, integers.map(float)) if high < 2**53 else integers


def _json_objects() -> st.SearchStrategy[Any]:
    leaves = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)
    )
    names = st.one_of(_WIRE_TEXT, st.sampled_from(["phone", "email", "lat"]))
    tree = st.recursive(
        leaves | texts(),
        lambda t: st.lists(t, max_size=3) | st.dictionaries(names, t, max_size=3),
        max_leaves=6,
    )
    return st.dictionaries(names, tree, max_size=3)


_ROLES = st.sampled_from(["RIDER", "DRIVER", "ADMIN"])
_COUNTS = {
    "schema_version": 2**32 - 1,
    "stops_count": 2**32 - 1,
    "active_bookings_count": 2**32 - 1,
    "retry_count": 2**32 - 1,
    "processing_time_ms": 2**32 - 1,
    "kafka_partition": 2**31 - 1,
    "kafka_offset": 2**53 - 1,
}
_MONEY = (
    "amount",
    "total_price",
    "refund_amount",
    "original_amount",
    "base_price",
    "driver_earnings",
    "platform_commission",
)
_TIMES = (
    "event_timestamp",
    "scheduled_departure",
    "actual_departure",
    "actual_arrival",
    "scheduled_at",
    "started_processing_at",
    "completed_at",
)
_IDS = (
    "event_id",
    "user_id",
    "booking_id",
    "rider_id",
    "driver_id",
    "route_id",
    "payment_id",
    "trip_id",
    "pickup_stop_id",
    "dropoff_stop_id",
    "analytics_id",
)
_SEATS = ("seats_booked", "seats_total", "passengers_count")
_EXACT: dict[str, st.SearchStrategy[Any]] = {
    "phone": st.from_regex(r"\+[1-9][0-9]{1,14}", fullmatch=True),
    "role": _ROLES,
    "previous_role": _ROLES,
    "new_role": _ROLES,
    "kyc_status": st.sampled_from(["VERIFIED", "REJECTED"]),
    "cancelled_by": st.sampled_from(["RIDER", "DRIVER", "SYSTEM"]),
    "level": st.sampled_from(["info", "warning", "error"]),
    "execution_result": st.sampled_from(["success", "failure", "timeout", "cancelled", "retry"]),
    "currency": st.sampled_from(["NGN", "USD", "EUR"]),
    "card_last4": st.text(string.digits, min_size=4, max_size=4),
    "departure_time": st.times().map(lambda t: f"{t:%H:%M:%S}"),
    "active_days": st.lists(st.sampled_from(["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]), max_size=7),
    "updated_fields": st.lists(texts(), max_size=3),
    "device_info": _json_objects(),
    "location": _json_objects(),
    "bearing": amounts(0, 360, exclude_max=True),
    "schedule_type": st.just("redis_immediate"),
    **dict.fromkeys(
        ("schedule_id", "correlation_id", "event_action"),
        st.text(string.ascii_letters + "é{}", min_size=1, max_size=12),
    ),
    **dict.fromkeys(("refund_initiated", "was_started", "on_time"), st.booleans()),
    **dict.fromkeys(_MONEY, moneys()),
    **dict.fromkeys(_TIMES, timestamps()),
    **dict.fromkeys(_IDS, ids()),
    **dict.fromkeys(_SEATS, wholes(1, 8)),
    **dict.fromkeys(
        ("duration_minutes", "distance_km", "partial_distance_km", "speed_kmh", "accuracy_meters"), amounts()
    ),
    **{name: wholes(0, high) for name, high in _COUNTS.items()},
}


def _field(name: str) -> st.SearchStrategy[Any]:
    if name in _EXACT:
        return _EXACT[name]
    if name.endswith("_ms"):
        return wholes(0, 2**53 - 1)
    if name == "lat" or name.endswith("_lat"):
        return amounts(-90, 90)
    if name == "lon" or name.endswith("_lon"):
        return amounts(-180, 180)
    return texts()


@st.composite
def _shaped(draw: st.DrawFn, shape: Shape, fixed: Event) -> Event:
    required = shape.typed_dict.__required_keys__
    event = dict(fixed)
    for name in shape.fields:
        if name in fixed:
            continue
        if name in required:
            event[name] = draw(_field(name))
        elif draw(st.booleans()):
            event[name] = draw(st.none() | _field(name))
    return event


def events(event_type: str | None = None) -> st.SearchStrategy[Event]:
    """A valid event of the type, or of any of the twenty."""
    if event_type is None:
        return st.sampled_from(sorted(EVENT_SHAPES)).flatmap(events)
    return _shaped(EVENT_SHAPES[event_type], {"event_type": event_type})


def executions() -> st.SearchStrategy[Event]:
    """A valid schedule execution of the tier redis_immediate."""
    return st.text(min_size=1, max_size=8).flatmap(lambda word: _shaped(EXECUTION, {"event_type": word}))


def kinds(name: str) -> list[st.SearchStrategy[Event]]:
    """What the example `name` is one of: events of one type; executions, and updates of them."""
    return [executions(), updates()] if name == EXECUTION_NAME else [events(name)]


@st.composite
def updates(draw: st.DrawFn) -> Event:
    """A valid update of an execution of the tier redis_immediate, with an event_id or without."""
    event = draw(_shaped(UPDATE, {"update": True}))
    return event | {"retry_count": draw(_field("retry_count"))}


@st.composite
def as_bytes(draw: st.DrawFn, drawn: st.SearchStrategy[Event]) -> bytes:
    """An event as JSON in any order and spelling, with or without fields that nobody declared."""
    event = draw(drawn)
    values = _json_objects() | texts() | st.integers()
    extras = draw(st.dictionaries(st.sampled_from(["x", "note", "Phone", "nested"]), values, max_size=2))
    if draw(st.booleans()):
        extras["email"] = draw(texts())  # declared by one type, foreign to all others
    fields = draw(st.permutations(list({**extras, **event}.items())))
    indent, ascii_only = draw(st.sampled_from([(None, True), (None, False), (1, False)]))
    text = json.dumps(dict(fields), indent=indent, ensure_ascii=ascii_only)
    return (draw(st.sampled_from(["", " ", "\r\n"])) + text + draw(st.sampled_from(["", "\n"]))).encode()


@st.composite
def topic_values(draw: st.DrawFn) -> tuple[str, bytes]:
    """A valid record's topic and value, of any type or a schedule execution."""
    name = draw(st.sampled_from([*sorted(EVENT_SHAPES), EXECUTION_NAME]))
    event = executions() if name == EXECUTION_NAME else events(name)
    return topic_of(name), draw(as_bytes(event))


_JUNK = [
    b"",
    b"{",
    b"}",
    b'"',
    b"\\",
    b",",
    b":",
    b"[",
    b"]",
    b"NaN",
    b"-Infinity",
    b"null",
    b"\xff",
    b"\x00",
    b"{}",
    b'{"x":[{}',
    b"{}]}",
    b"1e999",
    b"\\ud800",
    b"99999999999999999999",
]


@st.composite
def mutated(draw: st.DrawFn, drawn: st.SearchStrategy[bytes]) -> bytes:
    """A valid value with a piece cut out and a piece of junk put in its place."""
    value = draw(drawn)
    start = draw(st.integers(0, len(value)))
    length = draw(st.integers(0, 8))
    return value[:start] + draw(st.sampled_from(_JUNK)) + value[start + length :]


@st.composite
def wild_batches(draw: st.DrawFn) -> tuple[str, list[bytes | None]]:
    """A topic and values of every kind: valid, nearly valid, of another topic, crafted to misalign."""
    topic = draw(st.sampled_from([topic.name for topic in TOPICS]))
    names = [name for name in EVENT_SHAPES if topic_of(name) == topic] or [EXECUTION_NAME]
    own = st.sampled_from(names).flatmap(lambda name: as_bytes(st.one_of(kinds(name))))
    crafted = st.sampled_from(
        [
            b'{"x":[{}',
            b"{}]}",
            b"{},{}",
            b'{"a":"}',
            b'{","b":1}',
            b'{"a":1},"}',
            b"{",
            b"}",
            b"[]",
            b"1",
            b'{"a":[1',
            b"2]}",
        ]
    )
    values = st.one_of(own, own, mutated(own), crafted, st.none(), st.binary(max_size=12))
    return topic, draw(st.lists(values, min_size=1, max_size=6))
