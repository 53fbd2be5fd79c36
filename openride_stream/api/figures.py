"""What the metrics endpoints answer about a range, field by field in the contract's order."""

from typing import TYPE_CHECKING, Any

from pydantic import Field

from openride_stream.api.fields import Answer, Moment, Money, average, count, money, percentage, ratio
from openride_stream.api.frames import series_of

if TYPE_CHECKING:
    from pandas import DataFrame


class Point(Answer):
    """One bucket of a time series."""

    timestamp: Moment = Field(description="Start of the bucket, UTC.")
    value: float = Field(description="The figure in this bucket.")


def series(figure: str) -> Any:
    """The answer's first figure by bucket."""
    return Field(None, description=f"{figure} by bucket, zero-filled; only with `granularity`.")


class Users(Answer):
    """`GET /v1/metrics/users`."""

    dau: int = count("Distinct users active in the last 24 hours before the end of the range.")
    wau: int = count("The same for the last 7 days.")
    mau: int = count("The same for the last 30 days.")
    new_registrations: int = count("Users who registered in the range.")
    total_users: int = count("Users who registered before the end of the range.")
    kyc_completion_rate: float = percentage("of those who registered in the range, verified before its end")
    driver_activation_rate: float = percentage(
        "of those who became drivers in the range, with a route created before its end"
    )
    time_series: list[Point] | None = series("Active users")

    def to_dataframe(self) -> "DataFrame":
        """`time_series` as a column `active_users` over an index `timestamp` (UTC).

        Raises:
            ValueError: it was not asked for with a granularity.
            ImportError: pandas is not installed.
        """
        return series_of(self.time_series, "active_users")


class Bookings(Answer):
    """`GET /v1/metrics/bookings`."""

    bookings_created: int = count("Distinct bookings created in the range.")
    bookings_confirmed: int = count("Distinct bookings confirmed in the range.")
    bookings_cancelled: int = count("Distinct bookings cancelled in the range.")
    bookings_completed: int = count("Distinct bookings completed in the range.")
    conversion_rate: float = ratio("confirmed ÷ created")
    cancellation_rate: float = ratio("cancelled ÷ created")
    avg_booking_value: Money = money("average of confirmed bookings.")
    total_booking_value: Money = money("sum of confirmed bookings.")
    seats_booked: int = count("Seats of confirmed bookings.")
    time_series: list[Point] | None = series("bookings_created")

    def to_dataframe(self) -> "DataFrame":
        """`time_series` as a column `bookings_created` over an index `timestamp` (UTC).

        Raises:
            ValueError: it was not asked for with a granularity.
            ImportError: pandas is not installed.
        """
        return series_of(self.time_series, "bookings_created")


class MethodTotal(Answer):
    """Successful payments of one method."""

    payment_method: str = Field(description="As events name it.")
    payments_success: int = count("Distinct payments of the method that succeeded in the range.")
    total_revenue: Money = money("their sum.")


class Payments(Answer):
    """`GET /v1/metrics/payments`."""

    payments_initiated: int = count("Distinct payments initiated in the range.")
    payments_success: int = count("Distinct payments that succeeded in the range.")
    payments_failed: int = count("Distinct payments that failed in the range.")
    payments_refunded: int = count("Distinct payments refunded in the range.")
    success_rate: float = percentage("success ÷ (success + failed)")
    avg_processing_time_ms: float = average("Milliseconds, average of successful payments.")
    p95_processing_time_ms: float = average(
        "Milliseconds within which 95 % of successful payments were done."
    )
    total_revenue: Money = money("sum of successful payments.")
    total_refunded: Money = money("sum of refunds.")
    net_revenue: Money = money("revenue less refunds; negative when more was refunded.")
    by_method: list[MethodTotal] = Field(description="Successful payments by method, most revenue first.")
    time_series: list[Point] | None = series("payments_initiated")

    def to_dataframe(self) -> "DataFrame":
        """`time_series` as a column `payments_initiated` over an index `timestamp` (UTC).

        Raises:
            ValueError: it was not asked for with a granularity.
            ImportError: pandas is not installed.
        """
        return series_of(self.time_series, "payments_initiated")


class Trips(Answer):
    """`GET /v1/metrics/trips`."""

    trips_started: int = count("Distinct trips started in the range.")
    trips_completed: int = count("Distinct trips completed in the range.")
    trips_cancelled: int = count("Distinct trips cancelled in the range.")
    completion_rate: float = ratio("completed ÷ started")
    avg_duration_minutes: float = average("Minutes, average of completed trips.")
    avg_distance_km: float = average("Kilometres, average of completed trips.")
    on_time_performance: float = percentage("of completed trips, those on time")
    total_driver_earnings: Money = money("sum of what drivers earned by completed trips.")
    total_platform_commission: Money = money("sum of the platform's share of completed trips.")
    active_drivers: int = count("Distinct drivers of any trip event in the range.")
    time_series: list[Point] | None = series("trips_started")

    def to_dataframe(self) -> "DataFrame":
        """`time_series` as a column `trips_started` over an index `timestamp` (UTC).

        Raises:
            ValueError: it was not asked for with a granularity.
            ImportError: pandas is not installed.
        """
        return series_of(self.time_series, "trips_started")
