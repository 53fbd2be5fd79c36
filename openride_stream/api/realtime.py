"""What `GET /v1/metrics/realtime` answers, asked for or pushed."""

from typing import Literal

from pydantic import Field

from openride_stream.api.fields import Answer, Moment, Money, average, count, money
from openride_stream.events.topics import Tier


class QueueTime(Answer):
    """Schedule executions of one tier in the last hour."""

    count: int = count("Distinct executions that told their time in the tier's queue.")
    p50_ms: float = average("Milliseconds in the queue, median.")
    p95_ms: float = average("Milliseconds that 95 % of them waited at most.")


class Realtime(Answer):
    """`GET /v1/metrics/realtime`; windows end at `timestamp`, to the millisecond, on event time."""

    timestamp: Moment = Field(description="The clock: where every window ends.")
    as_of: Moment | None = Field(
        description="Up to when this worker has read what all workers saw; null while it starts."
    )
    active_users: int = count("Distinct users that an event of the last 5 minutes names.")
    active_drivers: int = count("Distinct drivers that an event of the last 5 minutes names as driver_id.")
    active_trips: int = count(
        "Trips that have started and not ended; one without an end is forgotten after OPENRIDE_LIVE_HOURS."
    )
    bookings_last_hour: int = count("Distinct bookings created in the last hour.")
    revenue_last_hour: Money = money("total price of the bookings confirmed in the last hour.")
    avg_wait_time_minutes: float = average(
        "Minutes from booking.created to trip.started, over trips that started in the last hour."
    )
    queue_times: dict[Tier, QueueTime] = Field(description="By schedule tier.")
    events_per_second: float = average(
        "Distinct events (schedule executions as well) of the last minute, a second."
    )
    consumer_lag: int = count("Records that wait to be read and stored, over all workers.")
    system_health: Literal["healthy", "degraded", "critical"] = Field(
        description="critical: events are not read or not stored; degraded: figures may be incomplete."
    )
    reasons: list[str] = Field(description="Why it is not healthy; empty when it is.")
