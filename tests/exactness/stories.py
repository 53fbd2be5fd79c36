"""Hypothesis strategies: what happens to a few people, rides and routes about the edges of the calendar.

Ids come from small pools, so that a booking is booked twice, somebody drives one day and rides the next, and
ties abound. Times lie at, just before and just after the edges.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hypothesis import strategies as st

MS, HOUR_MS, DAY_MS = 1, 3_600_000, 86_400_000
NIL = "00000000-0000-0000-0000-000000000000"


class Told(NamedTuple):
    """An event as a story tells it: event type, event time in ms, the fields that matter."""

    type: str
    at_ms: int
    fields: dict[str, Any]


def ms_of(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


# Where clocks change in Europe and in America, each way; the moment itself in UTC.
CLOCK_CHANGES_MS = tuple(
    ms_of(text) for text in ("2025-03-30T01:00", "2025-10-26T01:00", "2026-03-08T07:00", "2025-11-02T06:00")
)
# The end of a short month, of a leap one, of a year; a month that begins with a week.
MONTH_EDGES_MS = tuple(ms_of(text) for text in ("2025-03-01", "2024-03-01", "2026-01-01", "2025-12-01"))
# Taken in turns: what is drawn leans to the first.
EDGES_MS = tuple(edge for both in zip(CLOCK_CHANGES_MS, MONTH_EDGES_MS, strict=True) for edge in both)


def uid(kind: int, number: int) -> str:
    """Ids whose halves are ordered contrary to each other: only as text are they in order."""
    return f"{number:08x}-{kind:04x}-4000-8000-{2**32 - number:012x}"


PEOPLE = tuple(uid(1, number) for number in range(5))
ROUTES = tuple(uid(2, number) for number in range(3))
NEVER_TOLD_OF = uid(2, 99)
BOOKINGS, PAYMENTS, TRIPS = (tuple(uid(kind, number) for number in range(3)) for kind in (3, 4, 5))

LAGOS, OGUN = {"city": "Lagos", "state": "LA"}, {"city": "Lagos", "state": "OG"}
ODD = {"city": "O'Hara\\ {x}\t\u00d6", "state": "\u0632"}
PLACES: tuple[dict[str, Any], ...] = (
    {},
    {"city": None, "state": None},
    {"state": "LA"},
    {"city": "", "state": "LA"},
    LAGOS,
    OGUN,
    {"city": "Ikeja"},
    {"city": "lagos", "state": None},
    ODD,
)
ORIGINS = (("Lagos", "LA"), ("Ikeja", ""), ("Abuja", "FC"), ("", "LA"), ("", ""))

people = st.sampled_from(PEOPLE)
bookings, payments, trips = (st.sampled_from(pool) for pool in (BOOKINGS, PAYMENTS, TRIPS))
routes = st.sampled_from((*ROUTES, *ROUTES, NEVER_TOLD_OF, NIL))
moneys = st.sampled_from(
    ("0.00", "0.01", "10.01", "10.02", "99.99", 10, 7.5, "3333.3", "1234567890123456.78", 0)
)
# Three places at most: halves of a hundredth and what lies beside them.
amounts = st.sampled_from((0, 0.005, 0.015, 1.005, 2.675, 42.5, 33.333, 0.1, 7, 1e9))
milliseconds = st.sampled_from((0, 1, 100, 201, 812.0, 2**32 - 1))
methods = st.sampled_from(("card", "card", "cash", "Card", "", "m\u00fcnze"))

near = st.sampled_from((0, 0, -MS, MS, -HOUR_MS, HOUR_MS - MS, HOUR_MS, 9 * HOUR_MS, DAY_MS - MS, -DAY_MS))
days = st.sampled_from((0, 0, 0, 0, 0, 1, -1, 2, 6, 7, 29, 30, 31, -30))
# From one step of a ride to the next, back now and then: clocks of phones differ.
gaps = st.sampled_from(
    (HOUR_MS, 0, 0, MS, HOUR_MS, HOUR_MS, -MS, DAY_MS - MS, DAY_MS, 3 * DAY_MS, 29 * DAY_MS)
)

_PAID = ("booking.created", "payment.initiated", "payment.success")
WHOLE_RIDE = (*_PAID, "booking.confirmed", "trip.started", "trip.completed", "booking.completed")
RIDES = (
    WHOLE_RIDE,
    ("booking.created", "booking.confirmed", "trip.started", "trip.completed"),
    ("trip.started", "trip.completed", "trip.completed"),
    (*_PAID, "booking.confirmed", "booking.cancelled", "payment.refunded"),
    ("booking.created", "booking.confirmed", "booking.cancelled"),
    ("booking.created", "payment.initiated", "payment.failed", "payment.initiated", "payment.success"),
    ("booking.confirmed", "trip.started", "trip.cancelled"),
    ("payment.success", "payment.refunded", "payment.refunded"),
)


@st.composite
def moments(draw: st.DrawFn, edge_ms: int) -> int:
    return edge_ms + draw(days) * DAY_MS + draw(near)


@st.composite
def rides(draw: st.DrawFn, edge_ms: int, steps: Sequence[str] = ()) -> list[Told]:
    """A booking on its way, by `steps` or drawn ones; its events in order of time, more or less."""
    ids = {
        "booking_id": draw(bookings),
        "payment_id": draw(payments),
        "trip_id": draw(trips),
        "rider_id": draw(people),
        "driver_id": draw(people),
        "route_id": draw(routes),
    }
    steps = steps or draw(st.sampled_from(RIDES))
    at_ms = draw(moments(edge_ms))
    told = []
    for step in steps:
        told.append(Told(step, at_ms, ids | draw(_figures_of(step))))
        at_ms += draw(gaps)
    return told


def _figures_of(step: str) -> st.SearchStrategy[dict[str, Any]]:
    match step:
        case "booking.confirmed" | "booking.completed" | "booking.created":
            return st.fixed_dictionaries({"total_price": moneys, "seats_booked": st.integers(1, 8)})
        case "payment.refunded":
            return st.fixed_dictionaries({"refund_amount": moneys})
        case "payment.success":
            figures = {"amount": moneys, "payment_method": methods, "processing_time_ms": milliseconds}
            return st.fixed_dictionaries(figures)
        case "trip.completed":
            figures = {"duration_minutes": amounts, "distance_km": amounts, "on_time": st.booleans()}
            money = {"driver_earnings": moneys, "platform_commission": moneys}
            return st.fixed_dictionaries({**figures, **money})
    return st.just({})


@st.composite
def lives(draw: st.DrawFn, edge_ms: int) -> list[Told]:
    """Somebody registers, once or again in another role, and comes back on some day after."""
    user = draw(people)
    at_ms = draw(moments(edge_ms))
    roles = draw(st.lists(st.sampled_from(("RIDER", "DRIVER", "ADMIN")), min_size=1, max_size=2))
    told = []
    for role in roles:
        told.append(Told("user.registered", at_ms, {"user_id": user, "role": role}))
        at_ms += draw(st.sampled_from((0, MS, 0, DAY_MS)))
    for name, fields in (
        ("user.upgraded_to_driver", {"new_role": draw(st.sampled_from(("DRIVER", None, "DRIVER", "ADMIN")))}),
        ("user.kyc_verified", {"kyc_status": draw(st.sampled_from(("VERIFIED", "VERIFIED", "REJECTED")))}),
        ("user.activity", {}),
        ("user.activity", {}),
    ):
        if draw(st.booleans()):
            later_ms = draw(st.sampled_from((0, 1, 1, 7, 7, 30, 30, -1))) * DAY_MS + draw(near)
            told.append(Told(name, told[0].at_ms + later_ms, {"user_id": user, **fields}))
    return told


@st.composite
def offers(draw: st.DrawFn, edge_ms: int) -> list[Told]:
    """A route, told of before its bookings or long after, and again now and then, elsewhere."""
    route, driver = draw(routes), draw(people)
    told = []
    for _ in range(draw(st.sampled_from((1, 1, 2)))):
        city, state = draw(st.sampled_from(ORIGINS))
        name = draw(st.sampled_from(("", "Lekki - Ikeja", "\u00c0")))
        fields = {"origin_city": city, "origin_state": state, "seats_total": draw(st.integers(1, 8))}
        ids = {"route_id": route, "driver_id": driver, "route_name": name}
        told.append(Told("route.created", draw(moments(edge_ms)), ids | fields))
    return told


@st.composite
def others(draw: st.DrawFn, edge_ms: int) -> list[Told]:
    """Events that only say who was there."""
    name = draw(
        st.sampled_from(("driver.location.updated", "route.updated", "trip.cancelled", "payment.failed"))
    )
    ids = {"driver_id": draw(people), "rider_id": draw(people), "route_id": draw(routes)}
    more = {"booking_id": draw(bookings), "payment_id": draw(payments), "trip_id": draw(trips)}
    return [Told(name, draw(moments(edge_ms)), ids | more)]


def stories(edge_ms: int) -> st.SearchStrategy[list[Told]]:
    told = (rides, lives, offers, rides, lives, others)
    return st.one_of(*(story(edge_ms) for story in told))
