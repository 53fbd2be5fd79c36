"""What the endpoints of figures answer, field by field in the contract's order."""

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

_MONEY: Final = r"^-?\d+\.\d\d$"


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
    return Field(pattern=_MONEY, description=f"Money: {meaning}")


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


class Driver(_Answer):
    """One driver's completed trips."""

    driver_id: UUID = Field(description="As events name them.")
    total_trips: int = count("Distinct trips completed in the range.")
    total_earnings: str = money("sum of what they earned by them.")
    avg_earnings_per_trip: str = money("average of completed trips that were paid in the currency.")
    total_distance_km: float = average("Kilometres, sum of completed trips.")
    active_days: int = count("UTC days with a completed trip.")


class Distribution(_Answer):
    """Quantiles and mean of `total_earnings`; 0.00 without drivers."""

    p10: str = money("10 % of drivers earned at most this much.")
    p25: str = money("the first quartile.")
    p50: str = money("the median.")
    p75: str = money("the third quartile.")
    p90: str = money("90 % of drivers earned at most this much.")
    p99: str = money("99 % of drivers earned at most this much.")
    mean: str = money("the average of all drivers.")


class Drivers(_Answer):
    """`GET /v1/metrics/drivers`."""

    drivers: list[Driver] = Field(description="Who completed trips in the range: most first, then by id.")
    distribution: Distribution = Field(
        description="Of total_earnings over all drivers of the range, also those beyond `limit`."
    )
    time_series: list[Point] | None = series("Distinct completed trips")


class Route(_Answer):
    """One route's bookings. What describes it is null while no `route.created` of it is known."""

    route_id: UUID = Field(description="As events name it.")
    route_name: str | None = Field(description="As the earliest `route.created` has it, like what follows.")
    origin_city: str | None = Field(description="Where it begins.")
    destination_city: str | None = Field(description="Where it ends.")
    driver_id: UUID | None = Field(description="Whose route it is.")
    total_bookings: int = count("Distinct bookings confirmed in the range.")
    total_revenue: str = money("total price of those.")
    seats_total: int | None = Field(description="Seats for passengers.")
    avg_occupancy: float | None = Field(
        ge=0, description="Confirmed seats ÷ (seats_total × trips started in the range); null without trips."
    )


class Routes(_Answer):
    """`GET /v1/metrics/routes`."""

    routes: list[Route] = Field(description="Routes with confirmed bookings: most first, then by id.")
    time_series: list[Point] | None = series("Distinct confirmed bookings")


class PlaceValue(_Answer):
    """The figure at one place."""

    state: str | None = Field(description="Null where the place has none.")
    city: str | None = Field(description="Null, with a null state, for what has no place.")
    value: int | Annotated[str, Field(pattern=_MONEY)] = Field(
        description="Distinct bookings or users, or money as a decimal string."
    )


class Geographic(_Answer):
    """`GET /v1/analytics/geographic`."""

    data_points: list[PlaceValue] = Field(
        description="Places with any of it: largest value first, then by state and city, null last."
    )
