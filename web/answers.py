"""What the metrics endpoints answer, field by field in the contract's order."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
Percentage = Annotated[float, Field(ge=0, le=100, description="Per cent, rounded half up to two places.")]
# Of those that began in the range and those that ended in it: more can end than begin.
Ratio = Annotated[
    float, Field(ge=0, description="Per cent; above 100 when more ended in the range than began.")
]
Average = Annotated[float, Field(ge=0, description="Rounded half up to two places.")]
Money = Annotated[str, Field(pattern=r"^-?\d+\.\d\d$", description="A decimal string in the asked currency.")]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Point(_Answer):
    """One bucket of a time series; `timestamp` is its start in UTC."""

    timestamp: AwareDatetime
    value: float


Series = Annotated[
    list[Point] | None,
    Field(description="The first figure by bucket, zero-filled; only with `granularity`."),
]


class Users(_Answer):
    """`GET /v1/metrics/users`."""

    dau: Count
    wau: Count
    mau: Count
    new_registrations: Count
    total_users: Count
    kyc_completion_rate: Percentage
    driver_activation_rate: Percentage
    time_series: Series = None


class Bookings(_Answer):
    """`GET /v1/metrics/bookings`."""

    bookings_created: Count
    bookings_confirmed: Count
    bookings_cancelled: Count
    bookings_completed: Count
    conversion_rate: Ratio
    cancellation_rate: Ratio
    avg_booking_value: Money
    total_booking_value: Money
    seats_booked: Count
    time_series: Series = None


class MethodTotal(_Answer):
    """Successful payments of one method."""

    payment_method: str
    payments_success: Count
    total_revenue: Money


class Payments(_Answer):
    """`GET /v1/metrics/payments`."""

    payments_initiated: Count
    payments_success: Count
    payments_failed: Count
    payments_refunded: Count
    success_rate: Percentage
    avg_processing_time_ms: Average
    p95_processing_time_ms: Average
    total_revenue: Money
    total_refunded: Money
    net_revenue: Money
    by_method: list[MethodTotal]
    time_series: Series = None


class Trips(_Answer):
    """`GET /v1/metrics/trips`."""

    trips_started: Count
    trips_completed: Count
    trips_cancelled: Count
    completion_rate: Ratio
    avg_duration_minutes: Average
    avg_distance_km: Average
    on_time_performance: Percentage
    total_driver_earnings: Money
    total_platform_commission: Money
    active_drivers: Count
    time_series: Series = None
