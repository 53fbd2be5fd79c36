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

    dau: int = count(
        "Distinct users active in the last 24 hours before the end of the range.", title="Daily active users"
    )
    wau: int = count(
        "Distinct users active in the 7 days before the end of the range.", title="Weekly active users"
    )
    mau: int = count(
        "Distinct users active in the 30 days before the end of the range.", title="Monthly active users"
    )
    new_registrations: int = count("Users who registered in the range.", title="New registrations")
    total_users: int = count("Users who registered before the end of the range.", title="Registered users")
    kyc_completion_rate: float = percentage(
        "of those who registered in the range, verified before its end", title="KYC completion rate"
    )
    driver_activation_rate: float = percentage(
        "of those who became drivers in the range, with a route created before its end",
        title="Driver activation rate",
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

    bookings_created: int = count("Distinct bookings created in the range.", title="Bookings created")
    bookings_confirmed: int = count("Distinct bookings confirmed in the range.", title="Bookings confirmed")
    bookings_cancelled: int = count("Distinct bookings cancelled in the range.", title="Bookings cancelled")
    bookings_completed: int = count("Distinct bookings completed in the range.", title="Bookings completed")
    conversion_rate: float = ratio("confirmed ÷ created", title="Conversion rate")
    cancellation_rate: float = ratio("cancelled ÷ created", title="Cancellation rate")
    avg_booking_value: Money = money("average of confirmed bookings.", title="Average booking value")
    total_booking_value: Money = money("sum of confirmed bookings.", title="Total booking value")
    seats_booked: int = count("Seats of confirmed bookings.", title="Seats booked")
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

    payment_method: str = Field(description="As events name it.", title="Payment method")
    payments_success: int = count(
        "Distinct payments of the method that succeeded in the range.", title="Payments succeeded"
    )
    total_revenue: Money = money("their sum.", title="Revenue")


class Payments(Answer):
    """`GET /v1/metrics/payments`."""

    payments_initiated: int = count("Distinct payments initiated in the range.", title="Payments initiated")
    payments_success: int = count(
        "Distinct payments that succeeded in the range.", title="Payments succeeded"
    )
    payments_failed: int = count("Distinct payments that failed in the range.", title="Payments failed")
    payments_refunded: int = count("Distinct payments refunded in the range.", title="Payments refunded")
    success_rate: float = percentage("success ÷ (success + failed)", title="Success rate")
    avg_processing_time_ms: float = average(
        "Milliseconds, average of successful payments.", title="Average processing time, ms"
    )
    p95_processing_time_ms: float = average(
        "Milliseconds within which 95 % of successful payments were done.",
        title="95th percentile of processing time, ms",
    )
    total_revenue: Money = money("sum of successful payments.", title="Total revenue")
    total_refunded: Money = money("sum of refunds.", title="Total refunded")
    net_revenue: Money = money("revenue less refunds; negative when more was refunded.", title="Net revenue")
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

    trips_started: int = count("Distinct trips started in the range.", title="Trips started")
    trips_completed: int = count("Distinct trips completed in the range.", title="Trips completed")
    trips_cancelled: int = count("Distinct trips cancelled in the range.", title="Trips cancelled")
    completion_rate: float = ratio("completed ÷ started", title="Completion rate")
    avg_duration_minutes: float = average(
        "Minutes, average of completed trips.", title="Average duration, minutes"
    )
    avg_distance_km: float = average("Kilometres, average of completed trips.", title="Average distance, km")
    on_time_performance: float = percentage("of completed trips, those on time", title="On-time performance")
    total_driver_earnings: Money = money(
        "sum of what drivers earned by completed trips.", title="Driver earnings"
    )
    total_platform_commission: Money = money(
        "sum of the platform's share of completed trips.", title="Platform commission"
    )
    active_drivers: int = count("Distinct drivers of any trip event in the range.", title="Active drivers")
    time_series: list[Point] | None = series("trips_started")

    def to_dataframe(self) -> "DataFrame":
        """`time_series` as a column `trips_started` over an index `timestamp` (UTC).

        Raises:
            ValueError: it was not asked for with a granularity.
            ImportError: pandas is not installed.
        """
        return series_of(self.time_series, "trips_started")
