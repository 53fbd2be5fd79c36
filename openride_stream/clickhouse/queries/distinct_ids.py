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


def in_both(column: str, one: str, other: str) -> str:
    """SQL of how many ids have a row that meets the one condition, and a row that meets the other."""
    # |A and B| = |A| + |B| - |A or B|
    return (
        f"(uniqExactIf({column}, {one}) + uniqExactIf({column}, {other}) "
        f"- uniqExactIf({column}, ({one}) OR ({other})))"
    )


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
