"""What the metrics endpoints answer, field by field in the contract's order."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


def count(meaning: str) -> Any:
    """A number of distinct things."""
    return Field(ge=0, description=meaning)


def percentage(meaning: str) -> Any:
    """A share of a whole."""
    return Field(ge=0, le=100, description=f"Per cent: {meaning}.")


def ratio(meaning: str) -> Any:
    """Of those that began in the range and those that ended in it: more can end than begin."""
    return Field(ge=0, description=f"Per cent, above 100 when more ended in the range than began: {meaning}.")


def average(meaning: str) -> Any:
    """A mean or a quantile."""
    return Field(ge=0, description=meaning)


def money(meaning: str) -> Any:
    """A decimal string."""
    return Field(pattern=r"^-?\d+\.\d\d$", description=f"Money: {meaning}")


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Point(_Answer):
    """One bucket of a time series."""

    timestamp: AwareDatetime = Field(description="Start of the bucket, UTC.")
    value: float = Field(description="The figure in this bucket.")


def series(figure: str) -> Any:
    """The answer's first figure by bucket."""
    return Field(None, description=f"{figure} by bucket, zero-filled; only with `granularity`.")


class Users(_Answer):
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


class Bookings(_Answer):
    """`GET /v1/metrics/bookings`."""

    bookings_created: int = count("Distinct bookings created in the range.")
    bookings_confirmed: int = count("Distinct bookings confirmed in the range.")
    bookings_cancelled: int = count("Distinct bookings cancelled in the range.")
    bookings_completed: int = count("Distinct bookings completed in the range.")
    conversion_rate: float = ratio("confirmed ÷ created")
    cancellation_rate: float = ratio("cancelled ÷ created")
    avg_booking_value: str = money("average of confirmed bookings.")
    total_booking_value: str = money("sum of confirmed bookings.")
    seats_booked: int = count("Seats of confirmed bookings.")
    time_series: list[Point] | None = series("bookings_created")


class MethodTotal(_Answer):
    """Successful payments of one method."""

    payment_method: str = Field(description="As events name it.")
    payments_success: int = count("Distinct payments of the method that succeeded in the range.")
    total_revenue: str = money("their sum.")


class Payments(_Answer):
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
    total_revenue: str = money("sum of successful payments.")
    total_refunded: str = money("sum of refunds.")
    net_revenue: str = money("revenue less refunds; negative when more was refunded.")
    by_method: list[MethodTotal] = Field(description="Successful payments by method, most revenue first.")
    time_series: list[Point] | None = series("payments_initiated")


class Trips(_Answer):
    """`GET /v1/metrics/trips`."""

    trips_started: int = count("Distinct trips started in the range.")
    trips_completed: int = count("Distinct trips completed in the range.")
    trips_cancelled: int = count("Distinct trips cancelled in the range.")
    completion_rate: float = ratio("completed ÷ started")
    avg_duration_minutes: float = average("Minutes, average of completed trips.")
    avg_distance_km: float = average("Kilometres, average of completed trips.")
    on_time_performance: float = percentage("of completed trips, those on time")
    total_driver_earnings: str = money("sum of what drivers earned by completed trips.")
    total_platform_commission: str = money("sum of the platform's share of completed trips.")
    active_drivers: int = count("Distinct drivers of any trip event in the range.")
    time_series: list[Point] | None = series("trips_started")
