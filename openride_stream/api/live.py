"""What `GET /v1/realtime/…` answers, from the live tables."""

from typing import TYPE_CHECKING, Literal
from uuid import UUID

from pydantic import Field

from openride_stream.api.fields import Answer, Moment, Money, average, count, money
from openride_stream.api.frames import table_of
from openride_stream.events.topics import Tier

if TYPE_CHECKING:
    from pandas import DataFrame


class Lately(Answer):
    """How fresh a live answer is, and whether anything may be missing."""

    timestamp: Moment = Field(description="The clock: where every window ends.")
    as_of: Moment | None = Field(
        description="Up to when this worker has read what all workers saw; null while it starts."
    )
    system_health: Literal["healthy", "degraded", "critical"] = Field(
        description="critical: events are not read or not stored; degraded: figures may be incomplete."
    )
    reasons: list[str] = Field(description="Why it is not healthy; empty when it is.")


class DriverPosition(Answer):
    """Where an active driver was seen last."""

    driver_id: UUID = Field(description="As events name them.")
    city: str | None = Field(
        description="That of the position, else of the trip that they are on; null where none is known."
    )
    lat: float = Field(description="Degrees north, to seven places.")
    lon: float = Field(description="Degrees east, to seven places.")
    speed_kmh: float | None = Field(ge=0, description="Kilometres an hour, to a tenth; null when not told.")
    last_seen: Moment = Field(description="Event time of the position.")
    trip_id: UUID | None = Field(
        description="The trip that they have started last and not ended; null while on none."
    )


class DriverPositions(Lately):
    """`GET /v1/realtime/drivers`."""

    total: int = count("Active drivers with a position in the last hour, also those beyond `limit`.")
    drivers: list[DriverPosition] = Field(description="Seen last first, then by id.")

    def to_dataframe(self) -> "DataFrame":
        """A row a driver in the order of the answer, the fields of `DriverPosition` as columns.

        Raises:
            ImportError: pandas is not installed.
        """
        return table_of(DriverPosition, self.drivers)


class City(Answer):
    """One city now; an event without a city is where its route begins."""

    city: str | None = Field(description="Its name; null for what has no place, or none that is known yet.")
    active_drivers: int = count(
        "Distinct drivers that an event of the last 5 minutes names, where they were seen last."
    )
    active_trips: int = count("Trips that have started there and not ended.")
    bookings_last_hour: int = count("Distinct bookings created in the last hour.")
    revenue_last_hour: Money = money("total price of the bookings confirmed in the last hour.")
    cancellations_last_hour: int = count("Distinct bookings cancelled in the last hour.")
    avg_wait_time_minutes: float = average(
        "Minutes from booking.created to trip.started, over trips that started in the last hour."
    )


class Cities(Lately):
    """`GET /v1/realtime/cities`."""

    cities: list[City] = Field(
        description="Where anything happened: most active trips first, then most bookings, then by name."
    )

    def to_dataframe(self) -> "DataFrame":
        """A row a city in the order of the answer, the fields of `City` as columns; money as Decimals.

        Raises:
            ImportError: pandas is not installed.
        """
        return table_of(City, self.cities)


class Minute(Answer):
    """What happened in one minute of event time."""

    timestamp: Moment = Field(description="Start of the minute, UTC.")
    trips_started: int = count("Distinct trips started.")
    trips_completed: int = count("Distinct trips completed.")
    bookings_created: int = count("Distinct bookings created.")
    bookings_cancelled: int = count("Distinct bookings cancelled.")
    revenue: Money = money("total price of the bookings confirmed.")
    payments_success: int = count("Distinct payments that succeeded.")
    payments_failed: int = count("Distinct payments that failed.")


class Minutes(Lately):
    """`GET /v1/realtime/minutes`."""

    minutes: list[Minute] = Field(
        description="Sixty minutes, zero-filled, the earliest first; the last one is under way."
    )

    def to_dataframe(self) -> "DataFrame":
        """A row a minute in order of time, the fields of `Minute` as columns; money as Decimals.

        Raises:
            ImportError: pandas is not installed.
        """
        return table_of(Minute, self.minutes)


class MinuteIn(Answer):
    """What came in during one minute, by when Kafka got it."""

    timestamp: Moment = Field(description="Start of the minute, UTC.")
    events: int | None = Field(
        ge=0,
        description="Distinct events of all nine topics: exact while batches have at most 64 events and "
        "minutes 4,096, else within some 2 %; null for a minute that no worker remembers.",
    )
    late_p50_ms: float | None = Field(
        ge=0,
        description="Milliseconds from event time to Kafka's timestamp, median, within 1 %; null without "
        "events.",
    )
    late_p95_ms: float | None = Field(ge=0, description="The same that 95 % of them took at most.")
    late_p99_ms: float | None = Field(ge=0, description="The same that 99 % of them took at most.")


class Ingest(Lately):
    """`GET /v1/realtime/ingest`."""

    rejected_last_hour: int | None = Field(
        ge=0,
        description="Dead letters of the last hour over all workers, as `/v1/dead-letters` counts them; null "
        "while ClickHouse does not tell.",
    )
    minutes: list[MinuteIn] = Field(
        description="Sixty minutes, the earliest first; the last one is under way."
    )

    def to_dataframe(self) -> "DataFrame":
        """A row a minute in order of time, the fields of `MinuteIn` as columns.

        Raises:
            ImportError: pandas is not installed.
        """
        return table_of(MinuteIn, self.minutes)


class TierWaits(Answer):
    """Schedule executions of one tier that told their time in its queue, in the last hour."""

    tier: Tier = Field(description="Of the scheduler.")
    count: int = count("Distinct executions.")
    p50_ms: float = average("Milliseconds in the queue, median, within 1 %.")
    p95_ms: float = average("Milliseconds that 95 % of them waited at most, within 1 %.")
    p99_ms: float = average("Milliseconds that 99 % of them waited at most, within 1 %.")


class LiveQueueTimes(Lately):
    """`GET /v1/realtime/queue-times`."""

    tiers: list[TierWaits] = Field(description="In the order in which a schedule passes them.")

    def to_dataframe(self) -> "DataFrame":
        """A row a tier, the fields of `TierWaits` as columns.

        Raises:
            ImportError: pandas is not installed.
        """
        return table_of(TierWaits, self.tiers)


class Active(Answer):
    """Who was active in one window that ends at the clock."""

    minutes: int = Field(description="How long the window is.")
    active_users: int = count("Distinct users that an event in the window names, drivers among them.")
    active_drivers: int = count("Distinct drivers that an event in the window names as driver_id.")


class Activity(Lately):
    """`GET /v1/realtime/active`."""

    windows: list[Active] = Field(description="The last 1, 5, 15 and 60 minutes.")

    def to_dataframe(self) -> "DataFrame":
        """A row a window, the fields of `Active` as columns.

        Raises:
            ImportError: pandas is not installed.
        """
        return table_of(Active, self.windows)
