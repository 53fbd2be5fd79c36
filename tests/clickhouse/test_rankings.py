"""Figures by driver, route and place equal the reference where everything is odd, by whichever path."""

import json
import random
from typing import Any

import pytest

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clock import rfc3339
from openride_stream.events.example import example
from openride_stream.events.registry import TOPIC_OF
from openride_stream.settings import Settings
from tests.clickhouse.storing import NOW_MS, assert_answers, ingest, reconciler
from tests.reference.figures import Reference

MIDNIGHT_MS = NOW_MS // DAY_MS * DAY_MS
FIRST_MS = MIDNIGHT_MS - 6 * DAY_MS
HOUR_MS = 3_600_000
NIL = "00000000-0000-0000-0000-000000000000"

QUESTIONS = (
    Question(FIRST_MS, MIDNIGHT_MS, "NGN"),
    Question(FIRST_MS + 5 * HOUR_MS + 1, MIDNIGHT_MS - DAY_MS - 7 * HOUR_MS, "NGN"),
    Question(FIRST_MS + DAY_MS, FIRST_MS + 3 * DAY_MS, "USD"),
    Question(FIRST_MS, MIDNIGHT_MS, "NGN", city="Lagos"),
    Question(FIRST_MS, MIDNIGHT_MS, "USD", state="LA"),
    Question(FIRST_MS - 9 * DAY_MS, FIRST_MS - 8 * DAY_MS, "NGN"),
)
ASKED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("drivers", {"limit": 1000, "sort": "earnings"}),
    ("drivers", {"limit": 3, "sort": "trips"}),
    ("routes", {"limit": 4}),
    *(("geographic", {"metric": metric}) for metric in ("bookings", "revenue", "users")),
)


def uid(kind: int, number: int) -> str:
    """Ids whose halves are ordered contrary to each other: only as text are they in order."""
    return f"{number:08x}-{kind:04x}-4000-8000-{2**32 - number:012x}"


class Teller:
    """Makes events of a few people, routes and places, so that everything happens twice and ties abound."""

    def __init__(self, seed: int, *, rerouted: bool = True) -> None:
        self.dice = random.Random(seed)
        self.rerouted = rerouted
        self.records: dict[str, list[bytes]] = {}
        self.number = 0

    def tell(self, event_type: str, at_ms: int, **given: Any) -> None:
        self.number += 1
        known = {"event_id": uid(9, self.number), "event_timestamp": rfc3339(at_ms), **self.place()}
        event = example(event_type) | known | given
        values = self.records.setdefault(TOPIC_OF[event_type].name, [])
        values.append(json.dumps(event).encode())
        if self.dice.random() < 0.15:
            values.append(values[-1])
        if self.dice.random() < 0.05:  # the same identity, elsewhere and at another time
            values.append(
                json.dumps(event | {"city": "Kano", "event_timestamp": rfc3339(at_ms - DAY_MS)}).encode()
            )

    def place(self) -> dict[str, Any]:
        states = ({}, {}, {"city": "Lagos", "state": "LA"}, {"city": "Ikeja"}, {"state": "LA"})
        return {"city": None, "state": None} | self.dice.choice(states)

    def moment(self) -> int:
        # Also midnights, and the last millisecond before one.
        return FIRST_MS + self.dice.randrange(6 * 24) * HOUR_MS - self.dice.choice((0, 0, 0, 1))

    def route(self) -> str:
        return self.dice.choice([NIL, *(uid(1, number) for number in range(6))])

    def ride(self) -> dict[str, Any]:
        dice, booking = self.dice, self.dice.randrange(25)
        return {
            "booking_id": uid(2, booking),
            "route_id": self.route() if self.rerouted else uid(1, booking % 6),
            "driver_id": uid(3, dice.randrange(9)),
            "rider_id": uid(3, 5 + dice.randrange(9)),
            "currency": dice.choice(("NGN", "NGN", "USD", None)),
        }

    def everything(self) -> dict[str, list[bytes]]:
        dice = self.dice
        for number in (0, 1, 2, 3, 3):  # routes 4 and 5 are never told of, 3 twice and by two names
            at_ms = FIRST_MS + dice.choice((-20, 2, 5, 6)) * DAY_MS
            origin = dice.choice((("Lagos", "LA"), ("Abuja", "FC")))
            seats, name = dice.choice((1, 4, 7)), f"route {self.number}"
            where = {"origin_city": origin[0], "origin_state": origin[1], "seats_total": seats}
            self.tell("route.created", at_ms, route_id=uid(1, number), route_name=name, **where)
        self.tell("route.created", FIRST_MS, route_id=NIL, origin_city="Nowhere")
        for _ in range(140):
            ride, price = self.ride(), dice.choice(("0.00", "10.01", "10.02", "99.99"))
            self.tell("booking.created", self.moment(), **ride)
            for verb in dice.sample(("confirmed", "cancelled", "completed"), 2):
                self.tell(f"booking.{verb}", self.moment(), **ride, total_price=price)
            bill = {name: ride[name] for name in ("booking_id", "rider_id", "currency")}
            paid = bill | {"payment_id": uid(4, dice.randrange(40)), "amount": price, "refund_amount": price}
            self.tell(f"payment.{dice.choice(('success', 'failed', 'refunded'))}", self.moment(), **paid)
            trip = {**ride, "trip_id": uid(5, dice.randrange(60)), "driver_earnings": price}
            self.tell("trip.started", self.moment(), **trip)
            self.tell(
                "trip.completed", self.moment(), **trip, distance_km=dice.choice((0, 0.005, 1.1, 2.345))
            )
        self.tell("user.activity", self.moment(), user_id=uid(3, 30))
        self.tell("driver.location.updated", self.moment(), driver_id=uid(3, 31))
        return self.records


async def assert_equal(store: ClickHouse, reference: Reference) -> None:
    for question in QUESTIONS:
        await assert_answers(store, reference, question, ASKED)


async def assert_view(store: ClickHouse, reference: Reference) -> None:
    """The view of popular routes has what the endpoint gives, of all days that are built."""
    rows = await store.select(
        "SELECT toString(route_id) AS route_id, uniqExact(booking_id) AS total_bookings, "
        f"sumIf(revenue, currency = 'NGN') AS total_revenue FROM {store.database}.popular_routes "
        f"WHERE route_id != '{NIL}' GROUP BY route_id HAVING total_bookings > 0 "
        "ORDER BY total_bookings DESC, route_id"
    )
    wanted = reference.routes(FIRST_MS - 30 * DAY_MS, MIDNIGHT_MS + DAY_MS, limit=500)["routes"]
    columns = ("route_id", "total_bookings")
    assert [[row[name] for name in columns] for row in rows] == [
        [route[name] for name in columns] for route in wanted
    ]
    assert [float(row["total_revenue"]) for row in rows] == [
        float(route["total_revenue"]) for route in wanted
    ]


@pytest.mark.parametrize("rerouted", [True, False])
async def test_whatever_is_odd_the_figures_are_the_true_ones(
    store: ClickHouse, settings: Settings, rerouted: bool
) -> None:
    records = Teller(4, rerouted=rerouted).everything()
    reference = Reference("NGN")
    for topic, values in records.items():
        for value in values:
            reference.add(topic, value)
    await ingest(store, settings, records)
    rounds = reconciler(store, settings)
    await rounds.notice()
    await assert_equal(store, reference)  # nothing is built yet
    await rounds.run()
    await assert_equal(store, reference)
    await assert_view(store, reference)
    # All of it again: every day is dirty, the view has the days as they were built.
    await ingest(store, settings, records)
    await assert_view(store, reference)
    await assert_answers(store, reference, QUESTIONS[1], ASKED)
    await rounds.run()
    await assert_view(store, reference)


async def test_a_payment_is_where_its_booking_turns_out_to_be(store: ClickHouse, settings: Settings) -> None:
    """Its booking comes in late; and then an earlier event of it, which names another route."""
    told = Teller(1)
    told.dice.random = lambda: 1.0  # type: ignore[method-assign]  # each of them once
    nowhere = {"city": None, "state": None}
    one, other = uid(1, 1), uid(1, 2)
    for route, city in ((one, "Ikeja"), (other, "Nsukka")):
        told.tell("route.created", FIRST_MS, route_id=route, origin_city=city, origin_state=city)
    paid = {"booking_id": uid(2, 1), "payment_id": uid(4, 1), "amount": "5.00", "currency": "NGN", **nowhere}
    told.tell("payment.success", FIRST_MS + 5_000, **paid)
    reference = Reference("NGN")
    rounds = reconciler(store, settings)
    asked = [
        ("payments", {}),
        ("geographic", {"metric": "revenue"}),
        ("geographic", {"metric": "users"}),
    ]

    async def come_in() -> None:
        for topic, values in told.records.items():
            for value in values:
                reference.add(topic, value)
        await ingest(store, settings, told.records)
        told.records.clear()

    async def assert_places() -> None:
        for city in (None, "Ikeja", "Nsukka"):
            question = Question(FIRST_MS, FIRST_MS + DAY_MS, "NGN", city=city)
            await assert_answers(store, reference, question, asked)

    await come_in()
    await rounds.run()
    await assert_places()
    told.tell("booking.confirmed", FIRST_MS + 4_000, booking_id=uid(2, 1), route_id=one)
    await come_in()
    await assert_places()  # the payment's day is as it was built
    await rounds.run()
    await rounds.run()
    await assert_places()
    told.tell("booking.created", FIRST_MS + 3_000, booking_id=uid(2, 1), route_id=other)
    await come_in()
    await rounds.notice()
    await assert_places()  # from events: the day is marked
    await rounds.run()
    await assert_places()
