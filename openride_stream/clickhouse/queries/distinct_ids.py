"""Distinct ids: in which rows they are, and SQL that counts them."""

from dataclasses import dataclass
from typing import Final

from openride_stream.clickhouse.preaggregations import BOOKINGS, PAYMENTS, TRIPS, PreAggregation


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids in one column of `sources`, of events of one type, or of any (None)."""

    sources: tuple[PreAggregation, ...]
    column: str
    kind: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the sources that it takes to count them."""
        return (self.column,) if self.kind is None else (self.column, "kind")

    @property
    def meant(self) -> str:
        """SQL condition: a row `t` has one of them."""
        return "1" if self.kind is None else f"t.kind = '{self.kind}'"

    def count(self, where: str = "1") -> str:
        """SQL of how many there are in the rows `t` that meet `where`."""
        return f"uniqExactIf(t.{self.column}, ({where}) AND {self.meant})"


@dataclass(frozen=True, slots=True)
class Stages:
    """Ids of one column, and which of several types of events each has: counted in one pass over all of them.

    One set of ids takes half the time of a set for each type, and says as well which have one and another.
    """

    ids: tuple[Ids, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the source that it takes."""
        return self.ids[0].columns

    def by_id(self, rows: str, here: str) -> str:
        """SELECT of a row an id: `here` and `anywhere`, bits of the types in `rows` (`t`), in our order.

        Rows that do not meet `here` (SQL) are only anywhere; without one (""), `here` is everything.
        """
        cases = ", ".join(f"{ids.meant}, {1 << place}" for place, ids in enumerate(self.ids))
        bits = f"toUInt8(multiIf({cases}, 0))"
        found = f"groupBitOr(if({here}, {bits}, 0)) AS here, groupBitOr({bits}) AS anywhere"
        every = f"groupBitOr({bits}) AS here"
        return f"SELECT {found if here else every} FROM {rows} GROUP BY t.{self.ids[0].column}"

    def have(self, *ids: Ids, anywhere: bool = False) -> str:
        """SQL over `by_id`: an id has an event of one of these types."""
        mask = sum(1 << self.ids.index(one) for one in ids)
        return f"bitAnd({'anywhere' if anywhere else 'here'}, {mask}) != 0"


BOOKINGS_CREATED: Final = Ids((BOOKINGS,), "booking_id", "booking.created")
BOOKINGS_CONFIRMED: Final = Ids((BOOKINGS,), "booking_id", "booking.confirmed")
BOOKINGS_CANCELLED: Final = Ids((BOOKINGS,), "booking_id", "booking.cancelled")
BOOKINGS_COMPLETED: Final = Ids((BOOKINGS,), "booking_id", "booking.completed")
PAYMENTS_INITIATED: Final = Ids((PAYMENTS,), "payment_id", "payment.initiated")
PAYMENTS_SUCCEEDED: Final = Ids((PAYMENTS,), "payment_id", "payment.success")
PAYMENTS_FAILED: Final = Ids((PAYMENTS,), "payment_id", "payment.failed")
PAYMENTS_REFUNDED: Final = Ids((PAYMENTS,), "payment_id", "payment.refunded")
TRIPS_STARTED: Final = Ids((TRIPS,), "trip_id", "trip.started")
TRIPS_COMPLETED: Final = Ids((TRIPS,), "trip_id", "trip.completed")
TRIPS_CANCELLED: Final = Ids((TRIPS,), "trip_id", "trip.cancelled")
TRIP_DRIVERS: Final = Ids((TRIPS,), "driver_id")

BOOKING_STAGES: Final = Stages((BOOKINGS_CREATED, BOOKINGS_CONFIRMED, BOOKINGS_CANCELLED, BOOKINGS_COMPLETED))
PAYMENT_STAGES: Final = Stages((PAYMENTS_INITIATED, PAYMENTS_SUCCEEDED, PAYMENTS_FAILED, PAYMENTS_REFUNDED))
TRIP_STAGES: Final = Stages((TRIPS_STARTED, TRIPS_COMPLETED, TRIPS_CANCELLED))
