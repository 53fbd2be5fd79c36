"""From stories to the records of a log: identities, places, spellings, and what producers add or repeat."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from openride_stream.events.example import example
from openride_stream.events.registry import TOPIC_OF
from tests.exactness.stories import (
    DAY_MS,
    PEOPLE,
    PLACES,
    ROUTES,
    WHOLE_RIDE,
    Told,
    lives,
    ms_of,
    rides,
    stories,
    uid,
)

WRITTEN_MS = ms_of("2026-07-01")
"""When all records were written, by their Kafka timestamps: after the last event."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A record as its partition holds it: read again it is the same event, also without an event_id."""

    topic: str
    offset: int
    value: bytes
    timestamp: int = WRITTEN_MS
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def json_lines(log: tuple[Sent, ...]) -> str:
    """The log as text, for whoever has to look at it."""
    return "\n".join(f"{sent.topic}[0]@{sent.offset} {sent.value.decode()}" for sent in log)


# How the same millisecond may be written: offset in minutes, what stands for it, further digits.
_SPELLINGS = (
    (0, "Z", ""),
    (0, "Z", ""),
    (0, "", "999"),
    (0, "z", "4"),
    (60, "+01:00", ""),
    (120, "+02:00", ""),
    (-300, "-05:00", "5001"),
    (-240, "-04:00", ""),
    (330, "+05:30", ""),
)
_currencies = st.sampled_from(({}, {"currency": None}, {"currency": "NGN"}, {"currency": "USD"}))
# Fields that the type does not know: they are kept, never refused, and say nothing.
_strange = st.sampled_from(
    (
        *({},) * 6,
        {"driver_id": PEOPLE[0]},
        {"rider_id": PEOPLE[1], "user_id": PEOPLE[2]},
        {"route_id": ROUTES[0]},
        {"user_id": "nobody", "route_id": 7, "extra": {"city": "Kano"}},
    )
)
_shifts = st.sampled_from((-31 * DAY_MS, 31 * DAY_MS, -31 * DAY_MS, -DAY_MS, 1, DAY_MS))
_places = st.sampled_from(PLACES)
_spellings = st.sampled_from(_SPELLINGS)


@st.composite
def logs(draw: st.DrawFn, edge_ms: int) -> tuple[Sent, ...]:
    """Up to some seventy records about one edge of the calendar, in the order in which they were sent."""
    usual = [draw(rides(edge_ms, WHOLE_RIDE)), draw(lives(edge_ms))]
    more = draw(st.lists(stories(edge_ms), min_size=3, max_size=12))
    told = [event for story in usual + more for event in story]
    log: list[Sent] = []
    for number, event in enumerate(told):
        _say(log, draw(_bodies(event, number)))
    for again in draw(st.lists(st.integers(0, len(log) - 1), max_size=8)):
        _say(log, draw(_resends(json.loads(log[again].value), log)))
    return tuple(log)


def _say(log: list[Sent], body: dict[str, Any]) -> None:
    # ASCII or not is the producer's choice; the bytes of the value decide between contents of one id.
    value = json.dumps(body, ensure_ascii=len(log) % 2 == 0).encode()
    log.append(Sent(TOPIC_OF[body["event_type"]].name, len(log), value))


@st.composite
def _bodies(draw: st.DrawFn, told: Told, number: int) -> dict[str, Any]:
    usual = example(told.type)
    for name in ("city", "state", "event_id"):
        del usual[name]
    if usual.pop("currency", None):
        usual |= draw(_currencies)
    known = {name: value for name, value in told.fields.items() if name in usual}
    at_ms, identity = told.at_ms, {"event_id": uid(9, number)}
    kind = draw(st.integers(0, 11))
    if kind == 11:  # has no identity of its own; a moment of its own, so that no tie hangs on it
        at_ms, identity = at_ms // DAY_MS * DAY_MS + 40_000_000 + number, {"event_id": None}
    elif kind == 10:
        identity = {"event_id": identity["event_id"].upper()}
        known |= {name: value.upper() for name, value in known.items() if name.endswith("_id")}
    strange = draw(_strange)
    return {**strange, **usual, **known, **draw(_places), **identity, **_time(draw, at_ms)}


@st.composite
def _resends(draw: st.DrawFn, body: dict[str, Any], log: list[Sent]) -> dict[str, Any]:
    """The event once more, or another content under its identity: at another time, elsewhere, of another."""
    kind = draw(st.sampled_from(("same", "time", "time", "place", "price", "other", "same")))
    if body["event_id"] is None:  # without an identity it is an event of its own whenever it is sent
        return body
    if kind == "time":
        at_ms = _ms(body) + draw(
            st.sampled_from((-31 * DAY_MS, 31 * DAY_MS, -DAY_MS, 1, DAY_MS, -62 * DAY_MS))
        )
        return body | _time(draw, at_ms)
    if kind == "place":
        return body | draw(_places)
    if kind == "price":
        return body | {name: "77.00" for name in ("amount", "total_price", "driver_earnings") if name in body}
    if kind == "other":
        other = json.loads(log[draw(st.integers(0, len(log) - 1))].value)
        return other | {"event_id": body["event_id"]}
    return body


def _time(draw: st.DrawFn, at_ms: int) -> dict[str, Any]:
    return {"event_timestamp": written(at_ms, *draw(_spellings))}


def written(at_ms: int, offset_minutes: int, zone: str, digits: str) -> str:
    """RFC 3339 of a millisecond, with `digits` below it."""
    local = datetime.fromtimestamp(at_ms // 1000, UTC) + timedelta(minutes=offset_minutes)
    return f"{local:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}{digits}{zone}"


def _ms(body: dict[str, Any]) -> int:
    text = body["event_timestamp"]
    # What is finer than a millisecond goes: `fromisoformat` reads six digits, or the zone after three.
    moment = datetime.fromisoformat(text[:23] + text[23:].lstrip("0123456789").upper())
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
