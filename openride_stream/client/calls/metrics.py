"""`GET /v1/metrics/…`: figures of a range, and what is so now.

A range includes its start and not its end; without them it is the last 30 days. `currency` is an ISO 4217
code, the platform's own unless given. `granularity` adds `time_series`.
"""

from openride_stream.api.choices import DriverOrder, Granularity
from openride_stream.api.figures import Bookings, Payments, Trips, Users
from openride_stream.api.rankings import Drivers, Routes
from openride_stream.api.realtime import Realtime
from openride_stream.client.call import Moment, get


@get("/v1/metrics/users", Users)
def users(
    *,
    start_date: Moment | None = None,
    end_date: Moment | None = None,
    city: str | None = None,
    state: str | None = None,
    currency: str | None = None,
    granularity: Granularity | None = None,
) -> None:
    """Active users, registrations, verification and driver activation."""


@get("/v1/metrics/bookings", Bookings)
def bookings(
    *,
    start_date: Moment | None = None,
    end_date: Moment | None = None,
    city: str | None = None,
    state: str | None = None,
    currency: str | None = None,
    granularity: Granularity | None = None,
) -> None:
    """Bookings by status, their rates (per cent) and their value."""


@get("/v1/metrics/payments", Payments)
def payments(
    *,
    start_date: Moment | None = None,
    end_date: Moment | None = None,
    city: str | None = None,
    state: str | None = None,
    currency: str | None = None,
    granularity: Granularity | None = None,
) -> None:
    """Payments by outcome and method, processing times (ms) and revenue."""


@get("/v1/metrics/trips", Trips)
def trips(
    *,
    start_date: Moment | None = None,
    end_date: Moment | None = None,
    city: str | None = None,
    state: str | None = None,
    currency: str | None = None,
    granularity: Granularity | None = None,
) -> None:
    """Trips by status, their averages (minutes, km), punctuality (per cent) and earnings."""


@get("/v1/metrics/drivers", Drivers)
def drivers(
    *,
    start_date: Moment | None = None,
    end_date: Moment | None = None,
    city: str | None = None,
    state: str | None = None,
    currency: str | None = None,
    granularity: Granularity | None = None,
    limit: int = 100,
    sort: DriverOrder = "earnings",
) -> None:
    """The first `limit` drivers (1 to 1,000) by what they earned or how often they drove."""


@get("/v1/metrics/routes", Routes)
def routes(
    *,
    start_date: Moment | None = None,
    end_date: Moment | None = None,
    city: str | None = None,
    state: str | None = None,
    currency: str | None = None,
    granularity: Granularity | None = None,
    limit: int = 100,
) -> None:
    """The first `limit` routes (1 to 500) by bookings confirmed, with revenue and occupancy."""


@get("/v1/metrics/realtime", Realtime)
def realtime(
    *,
    currency: str | None = None,
) -> None:
    """Now: who is active, trips under way, the last hour, queue times (ms), health."""


@get("/v1/metrics/realtime/sse", Realtime)
def stream_realtime(
    *,
    currency: str | None = None,
) -> None:
    """The realtime figures, once a second at most, for as long as the `with` block lasts.

    Iterating ends when the worker stops and raises `Unreachable` when the connection breaks or is silent for
    `timeout_s`: to connect again, to any worker, is up to the caller.
    """
