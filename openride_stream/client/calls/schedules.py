"""`/v1/schedule-analytics/…`: executions of the three-tier scheduler. Role: analyst.

Pages come newest first; `cursor` is the `next_cursor` of the page before. `hours_back` ends at the next full
minute.
"""

from openride_stream.api.choices import ScheduleLevel, ScheduleTier
from openride_stream.api.schedule_figures import (
    ErrorPatterns,
    QueueTimes,
    SchedulePerformance,
    ScheduleSystemHealth,
    Statistics,
)
from openride_stream.api.schedules import ExecutionsPage
from openride_stream.client.call import Moment, get


@get("/v1/schedule-analytics/schedule/{schedule_id}", ExecutionsPage)
def schedules_schedule(
    *, limit: int = 100, cursor: str | None = None, schedule_id: str, level: ScheduleLevel | None = None
) -> None:
    """A page of the executions of one schedule; `limit` 1 to 1,000."""


@get("/v1/schedule-analytics/time-range", ExecutionsPage)
def schedules_time_range(
    *,
    limit: int = 100,
    cursor: str | None = None,
    start_time: Moment | None = None,
    end_time: Moment | None = None,
    schedule_id: str | None = None,
    level: ScheduleLevel | None = None,
    schedule_type: ScheduleTier | None = None,
) -> None:
    """A page of the executions that started in a range of at most seven days."""


@get("/v1/schedule-analytics/level/{level}", ExecutionsPage)
def schedules_level(
    *,
    limit: int = 100,
    cursor: str | None = None,
    level: ScheduleLevel,
    schedule_type: ScheduleTier | None = None,
) -> None:
    """A page of the executions of one level."""


@get("/v1/schedule-analytics/event-type/{event_type}", ExecutionsPage)
def schedules_event_type(
    *, limit: int = 100, cursor: str | None = None, event_type: str, level: ScheduleLevel | None = None
) -> None:
    """A page of the executions of one event type."""


@get("/v1/schedule-analytics/queue-times", QueueTimes)
def schedules_queue_times(*, start_time: Moment | None = None, end_time: Moment | None = None) -> None:
    """How long executions waited in the queue of their tier, milliseconds; at most seven days."""


@get("/v1/schedule-analytics/stats", Statistics)
def schedules_stats(*, hours_back: int = 24, schedule_id: str | None = None) -> None:
    """How many executions went how; `hours_back` 1 to 168."""


@get("/v1/schedule-analytics/errors/patterns", ErrorPatterns)
def schedules_errors_patterns(*, hours_back: int = 24) -> None:
    """Errors grouped by message without its variable parts; `hours_back` 1 to 168."""


@get("/v1/schedule-analytics/performance/schedule/{schedule_id}", SchedulePerformance)
def schedules_performance_schedule(*, hours_back: int = 24, schedule_id: str) -> None:
    """Outcomes, times, drift and last errors of one schedule; `hours_back` 1 to 168."""


@get("/v1/schedule-analytics/health/system", ScheduleSystemHealth)
def schedules_health_system(*, hours_back: int = 1) -> None:
    """How well the scheduler is, tier by tier, what is stuck, and the whole way; `hours_back` 1 to 24."""
