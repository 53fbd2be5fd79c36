"""The kinds of events that a history is made of: how many, when, with which fields, as SQL over a number."""

from dataclasses import dataclass
from typing import Final

from openride_stream.clickhouse.days import DAY_MS

DAYS: Final = 180
_LOCATION_DAYS: Final = 29
CITIES: Final = ("Lagos", "Abuja", "Kano", "Ibadan", "Port Harcourt", "Benin City", "Kaduna", "Enugu")
STATES: Final = ("Lagos", "FCT", "Kano", "Oyo", "Rivers", "Edo", "Kaduna", "Enugu")


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything there is in a history of `events` events."""

    events: int

    @property
    def users(self) -> int:
        """200 thousand in 20 million events."""
        return max(self.events // 100, 20)

    @property
    def drivers(self) -> int:
        """Those of the users who drive."""
        return max(self.events // 4_000, 5)

    @property
    def routes(self) -> int:
        """2 thousand in 20 million events."""
        return max(self.events // 10_000, 2)

    @property
    def bookings(self) -> int:
        """Each brings six events, on average."""
        return self.events * 9 // 100


@dataclass(frozen=True, slots=True)
class Kind:
    """Events of one type: how many numbers they are made from, which of these, when, and their fields."""

    table: str
    event_type: str
    count: int
    condition: str
    at_ms: str
    fields: dict[str, str]


def _identity(kind: str, number: str) -> str:
    return f"reinterpret(MD5(concat('{kind}', toString({number}))), 'UUID')"


def _drawn(name: str, below: int) -> str:
    """A number below `below` that depends on `n` and on `name` alone."""
    return f"(cityHash64(n, '{name}') % {below})"


def kinds(size: Size, end_ms: int) -> list[Kind]:
    """All of them, of a history that ends at `end_ms` (since the epoch)."""
    begin_ms, span_ms = end_ms - DAYS * DAY_MS, DAYS * DAY_MS
    return [
        *_people(size, begin_ms, span_ms),
        *_rides(size, begin_ms, span_ms),
        *_positions(size, end_ms),
    ]


def _people(size: Size, begin_ms: int, span_ms: int) -> list[Kind]:
    user = {"user_id": _identity("user", "n")}
    # A fifth is there from the first day on: rides need riders.
    at = f"{begin_ms} + if(n < {size.users // 5}, n % {DAY_MS}, intDiv(n * {span_ms - DAY_MS}, {size.users}))"
    role = {"role": f"if(n < {size.drivers // 2}, 'DRIVER', 'RIDER')"}
    place = f"{_drawn('city', len(CITIES))} + 1"
    city = {"city": f"{list(CITIES)}[{place}]", "state": f"{list(STATES)}[{place}]"}
    spread = f"{begin_ms} + intDiv(n * {span_ms}, {size.events * 15 // 100})"
    doing = {"user_id": _identity("user", _drawn("user", size.users)), "activity_type": "'search'"}
    table = "user_events"
    upgraded = f"n >= {size.drivers // 2} AND n < {size.drivers}"
    return [
        Kind(table, "user.registered", size.users, "1", at, {**user, **role, **city}),
        Kind(
            table,
            "user.kyc_verified",
            size.users,
            f"{_drawn('kyc', 10)} < 7",
            f"{at} + 3600000",
            {**user, "kyc_status": "'VERIFIED'"},
        ),
        Kind(
            table,
            "user.upgraded_to_driver",
            size.drivers,
            upgraded,
            f"{at} + 7200000",
            {**user, "previous_role": "'RIDER'", "new_role": "'DRIVER'"},
        ),
        Kind(table, "user.activity", size.events * 15 // 100, "1", spread, {**doing, **city}),
    ]


def _rides(size: Size, begin_ms: int, span_ms: int) -> list[Kind]:
    at = f"({begin_ms} + intDiv(n * {span_ms - DAY_MS}, {size.bookings}))"
    # Of those who are registered by then.
    rider = _identity(
        "user", f"cityHash64(n, 'rider') % intDiv({size.users} * (1 + 4 * n / {size.bookings}), 5)"
    )
    ids = {
        "booking_id": _identity("booking", "n"),
        "rider_id": rider,
        "driver_id": _identity("user", _drawn("driver", size.drivers)),
        "route_id": _identity("route", _drawn("route", size.routes)),
    }
    price = {"total_price": f"toDecimal64(500 + {_drawn('price', 4500)}, 2)", "currency": "'NGN'"}
    seats = {"seats_booked": f"1 + {_drawn('seats', 4)}"}
    created = {**ids, **price, **seats, "booking_status": "'PENDING'"}
    payment = {
        "payment_id": _identity("payment", "n"),
        "booking_id": ids["booking_id"],
        "rider_id": rider,
        "amount": price["total_price"],
        "currency": "'NGN'",
        "payment_method": f"['card', 'wallet', 'transfer'][{_drawn('method', 3)} + 1]",
        "provider": "'interswitch'",
    }
    trip = {"trip_id": _identity("trip", "n"), **ids}
    done = {
        **trip,
        "duration_minutes": f"5 + {_drawn('minutes', 60)}",
        "distance_km": f"1 + {_drawn('metres', 30000)} / 1000",
        "driver_earnings": f"toDecimal64(400 + {_drawn('price', 4500)} * 0.8, 2)",
        "platform_commission": f"toDecimal64(100 + {_drawn('price', 4500)} * 0.2, 2)",
        "currency": "'NGN'",
        "on_time": f"{_drawn('late', 10)} < 8",
    }
    confirmed, paid = f"{_drawn('fate', 100)} < 85", f"{_drawn('fate', 100)} < 82"
    ridden, count = f"{_drawn('fate', 100)} < 70", size.bookings
    return [
        _route(size, begin_ms),
        Kind("booking_events", "booking.created", count, "1", at, created),
        Kind(
            "booking_events",
            "booking.confirmed",
            count,
            confirmed,
            f"{at} + 60000",
            {**ids, **price, **seats},
        ),
        Kind(
            "booking_events",
            "booking.cancelled",
            count,
            f"{_drawn('fate', 100)} >= 90",
            f"{at} + 90000",
            {**ids, "cancelled_by": "'RIDER'"},
        ),
        Kind(
            "booking_events",
            "booking.completed",
            count,
            ridden,
            f"{at} + 5400000",
            {**created, "trip_id": trip["trip_id"]},
        ),
        Kind("payment_events", "payment.initiated", count, confirmed, f"{at} + 30000", payment),
        Kind(
            "payment_events",
            "payment.success",
            count,
            paid,
            f"{at} + 45000",
            {**payment, "processing_time_ms": f"200 + {_drawn('wait', 3000)}"},
        ),
        Kind(
            "payment_events",
            "payment.failed",
            count,
            f"NOT ({paid}) AND {confirmed}",
            f"{at} + 45000",
            payment,
        ),
        Kind(
            "trip_events", "trip.started", count, ridden, f"{at} + 1800000", {**trip, "passengers_count": "1"}
        ),
        Kind("trip_events", "trip.completed", count, ridden, f"{at} + 5400000", done),
    ]


def _route(size: Size, begin_ms: int) -> Kind:
    place = f"{_drawn('city', len(CITIES))} + 1"
    fields = {
        "route_id": _identity("route", "n"),
        "driver_id": _identity("user", f"n % {size.drivers}"),
        "route_name": "concat('Route ', toString(n))",
        "origin_city": f"{list(CITIES)}[{place}]",
        "origin_state": f"{list(STATES)}[{place}]",
        "destination_city": f"{list(CITIES)}[{_drawn('to', len(CITIES))} + 1]",
        "seats_total": f"2 + {_drawn('seats', 6)}",
    }
    return Kind("route_events", "route.created", size.routes, "1", f"{begin_ms} + n * 1000", fields)


def _positions(size: Size, end_ms: int) -> list[Kind]:
    """What is left of the events: pings of drivers, as far back as these are kept."""
    count = size.events * 31 // 100
    begin_ms = end_ms - _LOCATION_DAYS * DAY_MS
    at = f"{begin_ms} + intDiv(n * {_LOCATION_DAYS * DAY_MS}, {count})"
    fields = {
        "driver_id": _identity("user", _drawn("driver", size.drivers)),
        "lat": f"6 + {_drawn('lat', 1000)} / 1000",
        "lon": f"3 + {_drawn('lon', 1000)} / 1000",
    }
    return [Kind("location_events", "driver.location.updated", count, "1", at, fields)]
