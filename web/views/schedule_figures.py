"""`GET /v1/schedule-analytics/{queue-times,stats,errors/patterns,performance,health}`."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from openride_stream.api.schedule_figures import (
    ErrorPatterns,
    QueueTimes,
    SchedulePerformance,
    ScheduleSystemHealth,
    Statistics,
)
from openride_stream.clickhouse.queries.schedules.health import Thresholds, system_health
from openride_stream.clickhouse.queries.schedules.patterns import errors
from openride_stream.clickhouse.queries.schedules.performance import performance
from openride_stream.clickhouse.queries.schedules.source import Source
from openride_stream.clickhouse.queries.schedules.span import Span
from openride_stream.clickhouse.queries.schedules.stats import stats
from openride_stream.clickhouse.queries.schedules.stuck import looked_back_ms
from openride_stream.clickhouse.queries.schedules.tiers import queue_times
from web.context import Context
from web.endpoint import Endpoint
from web.moments import MomentMs
from web.ranges import next_minute_ms
from web.views import schedule_examples as examples
from web.views.schedules import BASE, Given, range_of

WEEK_HOURS: Final = 168
DAY_HOURS: Final = 24

_BACK: Final = "So many hours up to the next full minute."


class TimesQuery(BaseModel):
    """A range of at most seven days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start_time: MomentMs | None = Field(
        None, description="Started then or later (ISO 8601). Default: a day before end_time."
    )
    end_time: MomentMs | None = Field(
        None, description="Started before then (ISO 8601). Default: the next full minute."
    )


class BackQuery(BaseModel):
    """The last hours, up to a week."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours_back: Annotated[int, Field(ge=1, le=WEEK_HOURS)] = Field(DAY_HOURS, description=_BACK)


class StatsQuery(BackQuery):
    """The last hours, at will of one schedule."""

    schedule_id: Given | None = Field(None, description="Only executions of this schedule.")


class PerformanceQuery(BackQuery):
    """The last hours of one schedule."""

    schedule_id: Given = Field(description="The schedule.")


class HealthQuery(BaseModel):
    """The last hours, up to a day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours_back: Annotated[int, Field(ge=1, le=DAY_HOURS)] = Field(1, description=_BACK)


def _span(context: Context, hours: int, schedule_id: str | None = None) -> Span:
    return Span.back(next_minute_ms(context.runtime.clock.now_ms()), hours, schedule_id)


async def _source(context: Context, span: Span, *, since_ms: int | None = None) -> Source:
    runtime = context.runtime
    start_ms = span.start_ms if since_ms is None else since_ms
    return await Source.of(runtime.store, runtime.hours, start_ms, span.end_ms)


async def _queue_times(context: Context, query: TimesQuery) -> dict[str, Any]:
    start_ms, end_ms = range_of(context, query.start_time, query.end_time)
    span = Span(start_ms, end_ms)
    return await queue_times(await _source(context, span), span)


async def _stats(context: Context, query: StatsQuery) -> dict[str, Any]:
    span = _span(context, query.hours_back, query.schedule_id)
    return await stats(await _source(context, span), span)


async def _errors(context: Context, query: BackQuery) -> dict[str, Any]:
    span = _span(context, query.hours_back)
    return await errors(await _source(context, span, since_ms=span.before.start_ms), span)


async def _performance(context: Context, query: PerformanceQuery) -> dict[str, Any]:
    span = _span(context, query.hours_back, query.schedule_id)
    return await performance(await _source(context, span), span)


async def _health(context: Context, query: HealthQuery) -> dict[str, Any]:
    span, now_ms = _span(context, query.hours_back), context.runtime.clock.now_ms()
    since_ms = min(span.before.start_ms, looked_back_ms(now_ms, context.settings.schedule_stuck_days))
    source = await _source(context, span, since_ms=since_ms)
    return await system_health(source, span, now_ms, Thresholds.of(context.settings))


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path=f"{BASE}/queue-times",
        role="analyst",
        summary="How long executions waited in the queue of their tier.",
        answer=_queue_times,
        request=TimesQuery,
        response=QueueTimes,
        example=examples.QUEUE_TIMES,
    ),
    Endpoint(
        method="GET",
        path=f"{BASE}/stats",
        role="analyst",
        summary="How many executions of the last hours went how, and what goes wrong most often.",
        answer=_stats,
        request=StatsQuery,
        response=Statistics,
        example=examples.STATISTICS,
    ),
    Endpoint(
        method="GET",
        path=f"{BASE}/errors/patterns",
        role="analyst",
        summary="Errors of the last hours, grouped by message without its variable parts.",
        answer=_errors,
        request=BackQuery,
        response=ErrorPatterns,
        example=examples.ERRORS,
    ),
    Endpoint(
        method="GET",
        path=f"{BASE}/performance/schedule/{{schedule_id}}",
        role="analyst",
        summary="How one schedule did in the last hours: outcomes, times, drift, retries, last errors.",
        answer=_performance,
        request=PerformanceQuery,
        response=SchedulePerformance,
        example=examples.PERFORMANCE,
    ),
    Endpoint(
        method="GET",
        path=f"{BASE}/health/system",
        role="analyst",
        summary="How well the scheduler is: each tier, what is stuck, how long the whole way takes.",
        answer=_health,
        request=HealthQuery,
        response=ScheduleSystemHealth,
        example=examples.HEALTH,
    ),
)
