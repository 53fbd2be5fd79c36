"""The nine topics of the contract, and the table that each one fills."""

from dataclasses import dataclass
from typing import Literal

Domain = Literal["user", "booking", "payment", "trip", "route", "location", "schedule"]
Tier = Literal["mongo_periodic", "clickhouse_delayed", "redis_immediate"]


@dataclass(frozen=True, slots=True)
class SourceTopic:
    """A topic that producers write to.

    `table` is the ClickHouse table its events land in; `tier` is set for the three schedule topics.
    """

    name: str
    domain: Domain
    table: str
    tier: Tier | None = None

    @property
    def dead_letter_topic(self) -> str:
        """The topic that takes this topic's dead letters."""
        return f"{self.name}.dlq"


TOPICS: tuple[SourceTopic, ...] = (
    SourceTopic("openride.events.user", "user", "user_events"),
    SourceTopic("openride.events.booking", "booking", "booking_events"),
    SourceTopic("openride.events.payment", "payment", "payment_events"),
    SourceTopic("openride.events.trip", "trip", "trip_events"),
    SourceTopic("openride.events.route", "route", "route_events"),
    SourceTopic("openride.events.location", "location", "location_events"),
    SourceTopic("openride.schedules.mongo", "schedule", "schedule_analytics", "mongo_periodic"),
    SourceTopic("openride.schedules.clickhouse", "schedule", "schedule_analytics", "clickhouse_delayed"),
    SourceTopic("openride.schedules.redis", "schedule", "schedule_analytics", "redis_immediate"),
)

BY_NAME: dict[str, SourceTopic] = {topic.name: topic for topic in TOPICS}
EVENT_TABLES: tuple[str, ...] = tuple(t.table for t in TOPICS if t.domain != "schedule")
