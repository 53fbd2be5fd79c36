"""What the endpoints of drivers and routes answer, field by field in the contract's order."""

from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import Field

from openride_stream.api.fields import Answer, Money, average, count, money
from openride_stream.api.figures import Point, series
from openride_stream.api.frames import series_of, table_of

if TYPE_CHECKING:
    from pandas import DataFrame


class Driver(Answer):
    """One driver's completed trips."""

    driver_id: UUID = Field(description="As events name them.", title="Driver")
    total_trips: int = count("Distinct trips completed in the range.", title="Trips completed")
    total_earnings: Money = money("sum of what they earned by them.", title="Earnings")
    avg_earnings_per_trip: Money = money(
        "average of completed trips that were paid in the currency.", title="Average per trip"
    )
    total_distance_km: float = average("Kilometres, sum of completed trips.", title="Distance, km")
    active_days: int = count("UTC days with a completed trip.", title="Active days (UTC)")


class Distribution(Answer):
    """Quantiles and mean of `total_earnings`; 0.00 without drivers."""

    p10: Money = money("10 % of drivers earned at most this much.", title="10th percentile")
    p25: Money = money("the first quartile.", title="25th percentile")
    p50: Money = money("the median.", title="Median")
    p75: Money = money("the third quartile.", title="75th percentile")
    p90: Money = money("90 % of drivers earned at most this much.", title="90th percentile")
    p99: Money = money("99 % of drivers earned at most this much.", title="99th percentile")
    mean: Money = money("the average of all drivers.", title="Average")


class Drivers(Answer):
    """`GET /v1/metrics/drivers`."""

    drivers: list[Driver] = Field(description="Who completed trips in the range: most first, then by id.")
    distribution: Distribution = Field(
        description="Of total_earnings over all drivers of the range, also those beyond `limit`."
    )
    time_series: list[Point] | None = series("Distinct completed trips")

    def to_dataframe(self) -> "DataFrame":
        """A row a driver in the order of the answer, the fields of `Driver` as columns; money as Decimals.

        Raises:
            ImportError: pandas is not installed.
        """
        return table_of(Driver, self.drivers)

    def time_series_to_dataframe(self) -> "DataFrame":
        """`time_series` as a column `trips_completed` over an index `timestamp` (UTC).

        Raises:
            ValueError: it was not asked for with a granularity.
            ImportError: pandas is not installed.
        """
        return series_of(self.time_series, "trips_completed")


class Route(Answer):
    """One route's bookings. What describes it is null while no `route.created` of it is known."""

    route_id: UUID = Field(description="As events name it.")
    route_name: str | None = Field(description="As the earliest `route.created` has it, like what follows.")
    origin_city: str | None = Field(description="Where it begins.")
    destination_city: str | None = Field(description="Where it ends.")
    driver_id: UUID | None = Field(description="Whose route it is.")
    total_bookings: int = count("Distinct bookings confirmed in the range.")
    total_revenue: Money = money("total price of those.")
    seats_total: int | None = Field(description="Seats for passengers.")
    avg_occupancy: float | None = Field(
        ge=0, description="Confirmed seats ÷ (seats_total × trips started in the range); null without trips."
    )


class Routes(Answer):
    """`GET /v1/metrics/routes`."""

    routes: list[Route] = Field(description="Routes with confirmed bookings: most first, then by id.")
    time_series: list[Point] | None = series("Distinct confirmed bookings")

    def to_dataframe(self) -> "DataFrame":
        """A row a route in the order of the answer, the fields of `Route` as columns; money as Decimals.

        Raises:
            ImportError: pandas is not installed.
        """
        return table_of(Route, self.routes)

    def time_series_to_dataframe(self) -> "DataFrame":
        """`time_series` as a column `bookings_confirmed` over an index `timestamp` (UTC).

        Raises:
            ValueError: it was not asked for with a granularity.
            ImportError: pandas is not installed.
        """
        return series_of(self.time_series, "bookings_confirmed")
