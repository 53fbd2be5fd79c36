"""Which executions are asked for, and how their times are told."""

from dataclasses import dataclass
from typing import Final

from openride_stream.clickhouse.client import Param
from openride_stream.clock import rfc3339
from openride_stream.events.topics import Tier

TIERS: Final[tuple[Tier, ...]] = ("mongo_periodic", "clickhouse_delayed", "redis_immediate")
"""In the order in which a schedule passes them."""
HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Span:
    """Executions whose processing started in [start_ms, end_ms), at will of one schedule."""

    start_ms: int
    end_ms: int
    schedule_id: str | None = None

    @classmethod
    def back(cls, end_ms: int, hours: int, schedule_id: str | None = None) -> "Span":
        """The `hours` before `end_ms`."""
        return cls(end_ms - hours * HOUR_MS, end_ms, schedule_id)

    @property
    def before(self) -> "Span":
        """What is as long and ends where this begins."""
        return Span(2 * self.start_ms - self.end_ms, self.start_ms, self.schedule_id)

    def condition(self) -> str:
        """SQL condition over fields that no update changes."""
        started = "started_processing_at"
        terms = [
            f"{started} >= fromUnixTimestamp64Milli({{start:Int64}}, 'UTC')",
            f"{started} < fromUnixTimestamp64Milli({{end:Int64}}, 'UTC')",
        ]
        if self.schedule_id is not None:
            terms.append("schedule_id = {schedule:String}")
        return " AND ".join(terms)

    def params(self) -> dict[str, Param]:
        """What `condition` binds."""
        params: dict[str, Param] = {"start": self.start_ms, "end": self.end_ms}
        if self.schedule_id is not None:
            params["schedule"] = self.schedule_id
        return params

    def told(self) -> dict[str, str]:
        """`time_range` of an answer."""
        return {"start_time": rfc3339(self.start_ms), "end_time": rfc3339(self.end_ms)}
