"""An example as a whole, and the kinds of trouble that examples must hold: told from what was sent."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from tests.exactness.histories import History, histories
from tests.exactness.questions import Asked, nows, questions
from tests.exactness.records import Sent, json_lines, logs
from tests.exactness.stories import CLOCK_CHANGES_MS, DAY_MS, EDGES_MS, HOUR_MS, MONTH_EDGES_MS
from tests.reference.moments import event_ms

Body = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """What was sent, how it came into the store, what is asked when."""

    log: tuple[Sent, ...]
    history: History
    asked: tuple[Asked, ...]
    now_ms: int

    @cached_property
    def bodies(self) -> list[Body]:
        return [json.loads(sent.value) for sent in self.log]

    @cached_property
    def times_ms(self) -> list[int]:
        return [event_ms(body["event_timestamp"]) for body in self.bodies]

    def __str__(self) -> str:
        return f"{json_lines(self.log)}\n{self.history}\n{self.asked}\nat {self.now_ms}"

    def of(self, event_type: str) -> Iterable[tuple[Body, int]]:
        told = zip(self.bodies, self.times_ms, strict=True)
        return ((body, ms) for body, ms in told if body["event_type"] == event_type)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    edge_ms = draw(st.sampled_from(EDGES_MS))
    log = draw(logs(edge_ms))
    return Case(log, draw(histories(len(log))), draw(questions(edge_ms)), draw(nows(edge_ms)))


def _contents(case: Case) -> dict[str, list[int]]:
    """Places in the log by identity."""
    places = defaultdict(list)
    for place, body in enumerate(case.bodies):
        if body["event_id"]:
            places[body["event_id"].lower()].append(place)
    return places


def _sent_twice(case: Case) -> bool:
    values = [sent.value for sent in case.log if b'"event_id": null' not in sent.value]
    return len(values) > len(set(values))


def _conflicting(case: Case, differ: Callable[[int, int], bool]) -> bool:
    """Whether two contents of one identity `differ`, of which the places are given."""
    return any(
        case.log[one].value != case.log[other].value and differ(one, other)
        for places in _contents(case).values()
        for one, other in pairwise(places)
    )


def _late(case: Case) -> bool:
    """Something came for a day that had been built."""
    built: set[int] = set()
    seen: set[int] = set()
    for step in case.history[:-1]:
        fresh = {case.times_ms[place] // DAY_MS for place in {*step.places} - seen}
        if fresh & built:
            return True
        seen |= {*step.places}
        if step.built:
            built = {case.times_ms[place] // DAY_MS for place in seen}
    return False


def _out_of_order(case: Case) -> bool:
    times = [case.times_ms[place] for step in case.history for place in step.places]
    return any(later < earlier for earlier, later in pairwise(times))


def _follows(case: Case, first: str, then: str, name: str) -> bool:
    """Whether `then` came after `first` of the same `name`."""
    firsts = {body[name].lower(): ms for body, ms in case.of(first)}
    return any(ms > firsts.get(body[name].lower(), ms) for body, ms in case.of(then))


def _roles(case: Case) -> bool:
    ridden, driven = (
        {body[name].lower() for body in case.bodies if body["event_type"].startswith(("booking", "trip"))}
        for name in ("rider_id", "driver_id")
    )
    return bool(ridden & driven)


def _registered_again(case: Case) -> bool:
    roles = defaultdict(set)
    for body, _ in case.of("user.registered"):
        roles[body["user_id"].lower()].add(body["role"])
    return any(len(found) > 1 for found in roles.values())


def _placed_late(case: Case) -> bool:
    """A route is delivered in a later step than an event that it places."""
    waiting: set[str] = set()
    for step in case.history:
        bodies = [case.bodies[place] for place in step.places]
        told = {body["route_id"].lower() for body in bodies if body["event_type"] == "route.created"}
        if told & waiting:
            return True
        waiting |= {
            body["route_id"].lower()
            for body in bodies
            if body["event_type"].startswith(("booking", "trip")) and not body.get("city")
        }
    return False


def _near(case: Case, edges_ms: Iterable[int], within_ms: int) -> bool:
    """Events lie on both sides of one of the edges, as near as that."""
    return any(
        any(0 <= ms - edge_ms < within_ms for ms in case.times_ms)
        and any(0 < edge_ms - ms <= within_ms for ms in case.times_ms)
        for edge_ms in edges_ms
    )


def _month(ms: int) -> int:
    return sum(edge_ms <= ms for edge_ms in MONTH_EDGES_MS)


KINDS: dict[str, Callable[[Case], bool]] = {
    "sent twice": _sent_twice,
    "two contents of one id": lambda case: _conflicting(case, lambda one, other: True),
    "two contents of one id, months apart": lambda case: _conflicting(
        case, lambda one, other: _month(case.times_ms[one]) != _month(case.times_ms[other])
    ),
    "two contents of one id, of two topics": lambda case: _conflicting(
        case, lambda one, other: case.log[one].topic != case.log[other].topic
    ),
    "without an id": lambda case: any(body["event_id"] is None for body in case.bodies),
    "late, for a day that was built": _late,
    "out of order": _out_of_order,
    "read again": lambda case: sum(len(step.places) for step in case.history) > len(case.log),
    "without a city": lambda case: any(not body.get("city") for body in case.bodies),
    "a state without a city": lambda case: any(
        body.get("state") and not body.get("city") for body in case.bodies
    ),
    "placed by a route that came late": _placed_late,
    "cancelled after confirmed": lambda case: _follows(
        case, "booking.confirmed", "booking.cancelled", "booking_id"
    ),
    "refunded after paid": lambda case: _follows(case, "payment.success", "payment.refunded", "payment_id"),
    "paid after failed": lambda case: _follows(case, "payment.failed", "payment.success", "payment_id"),
    "rider and driver": _roles,
    "registered in two roles": _registered_again,
    "upgraded after registered": lambda case: _follows(
        case, "user.registered", "user.upgraded_to_driver", "user_id"
    ),
    "about a change of clocks": lambda case: _near(case, CLOCK_CHANGES_MS, HOUR_MS),
    "about the end of a month": lambda case: _near(case, MONTH_EDGES_MS, HOUR_MS),
    "in another currency": lambda case: any(body.get("currency") == "USD" for body in case.bodies),
}
