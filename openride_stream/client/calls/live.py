"""`GET /v1/realtime/…`: what is so now by driver, city and minute.

`currency` is an ISO 4217 code, the platform's own unless given; `city` is exact.
"""

from openride_stream.api.anomalies import Anomalies
from openride_stream.api.live import (
    Activity,
    Cities,
    DriverPositions,
    Ingest,
    LiveQueueTimes,
    Minutes,
)
from openride_stream.api.live_zones import Zones
from openride_stream.client.call import get


@get("/v1/realtime/drivers", DriverPositions)
def realtime_drivers(
    *,
    city: str | None = None,
    limit: int = 1000,
) -> None:
    """Where the first `limit` active drivers (1 to 10,000) were seen last (degrees, km/h), on which trip."""


@get("/v1/realtime/cities", Cities)
def realtime_cities(
    *,
    city: str | None = None,
    currency: str | None = None,
    limit: int = 100,
) -> None:
    """The first `limit` cities (1 to 1,000) now: drivers, trips, the last hour's bookings, revenue, waits."""


@get("/v1/realtime/zones", Zones)
def realtime_zones(
    *,
    city: str | None = None,
    size_km: float | None = None,
    limit: int = 1000,
) -> None:
    """Drivers and the last hour's bookings in the first `limit` (1 to 5,000) zones, `size_km` high."""


@get("/v1/realtime/minutes", Minutes)
def realtime_minutes(
    *,
    city: str | None = None,
    currency: str | None = None,
) -> None:
    """The last sixty minutes one by one: trips, bookings, cancellations, revenue, payments."""


@get("/v1/realtime/active", Activity)
def realtime_active() -> None:
    """Distinct users and drivers of the last 1, 5, 15 and 60 minutes."""


@get("/v1/realtime/ingest", Ingest)
def realtime_ingest() -> None:
    """What came in during each of the last sixty minutes, and how late (milliseconds)."""


@get("/v1/realtime/queue-times", LiveQueueTimes)
def realtime_queue_times() -> None:
    """How long schedule executions of the last hour waited in their tier's queue (milliseconds)."""


@get("/v1/realtime/anomalies", Anomalies)
def realtime_anomalies() -> None:
    """What of the last hour is unusual: each series by minute against the same time on earlier days."""
