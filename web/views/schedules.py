"""`GET /v1/schedule-analytics/…`: pages of executions, by schedule, time, level and type."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from openride_stream.api.choices import ScheduleLevel, ScheduleTier
from openride_stream.api.schedules import ExecutionsPage
from openride_stream.clickhouse.queries.schedules.pages import BadCursor, Cursor, Search, page
from web.context import Context
from web.endpoint import Endpoint
from web.moments import MomentMs
from web.problems import Fault, invalid_parameters
from web.ranges import next_minute_ms

BASE: Final = "/v1/schedule-analytics"
MAX_RANGE_DAYS: Final = 7
DAY_MS: Final = 86_400_000
_LONGEST: Final = 1_000


def _cursor(text: str) -> Cursor:
    try:
        return Cursor.of(text)
    except BadCursor:
        raise _not_ours() from None


def _not_ours() -> PydanticCustomError:
    return PydanticCustomError("malformed", "must be the next_cursor of an answer")


Given = Annotated[str, Field(min_length=1, max_length=500)]
CursorText = Annotated[
    str,
    Field(max_length=100),
    AfterValidator(_cursor),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]{50,100}$"}),
]


class PageQuery(BaseModel):
    """How many, and from where on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(100, ge=1, le=_LONGEST, description="At most so many executions in the answer.")
    cursor: CursorText | None = Field(None, description="`next_cursor` of the page before.")


class ScheduleQuery(PageQuery):
    """Executions of one schedule."""

    schedule_id: Given = Field(description="The schedule.")
    level: ScheduleLevel | None = Field(None, description="Only those of this level.")


class RangeQuery(PageQuery):
    """Executions of a range."""

    start_time: MomentMs | None = Field(
        None, description="Started then or later (ISO 8601). Default: a day before end_time."
    )
    end_time: MomentMs | None = Field(
        None, description="Started before then (ISO 8601). Default: the next full minute."
    )
    schedule_id: Given | None = Field(None, description="Only those of this schedule.")
    level: ScheduleLevel | None = Field(None, description="Only those of this level.")
    schedule_type: ScheduleTier | None = Field(None, description="Only those of this tier.")


class LevelQuery(PageQuery):
    """Executions of one level."""

    level: ScheduleLevel = Field(description="The level.")
    schedule_type: ScheduleTier | None = Field(None, description="Only those of this tier.")


class TypeQuery(PageQuery):
    """Executions of one type."""

    event_type: Given = Field(description="What was executed, in the producer's words.")
    level: ScheduleLevel | None = Field(None, description="Only those of this level.")


def range_of(context: Context, start_ms: int | None, end_ms: int | None) -> tuple[int, int]:
    """The range with its defaults.

    Raises:
        Problem: 422 when it is empty or longer than seven days.
    """
    end = next_minute_ms(context.runtime.clock.now_ms()) if end_ms is None else end_ms
    start = end - DAY_MS if start_ms is None else start_ms
    if start >= end:
        if end_ms is None:
            raise invalid_parameters(422, [Fault("start_time", "must lie before now without an end_time")])
        raise invalid_parameters(422, [Fault("end_time", "must lie after start_time")])
    if end - start > MAX_RANGE_DAYS * DAY_MS:
        days = f"{(end - start) / DAY_MS:.1f}"
        text = f"the range up to end_time has {days} days, at most {MAX_RANGE_DAYS} are answered"
        raise invalid_parameters(422, [Fault("start_time", text)])
    return start, end


async def _page(context: Context, query: PageQuery, **filters: Any) -> dict[str, Any]:
    """Of everything that is kept, also what started a little ahead of our clock."""
    ahead_ms = context.settings.max_ahead_s * 1000 + DAY_MS
    now_ms = context.runtime.clock.now_ms()
    search = Search(0, now_ms + ahead_ms, now_ms, query.limit, query.cursor, **filters)  # type: ignore[arg-type]
    return await page(context.runtime.store, context.runtime.hours, search)


async def _by_schedule(context: Context, query: ScheduleQuery) -> dict[str, Any]:
    return await _page(context, query, schedule_id=query.schedule_id, level=query.level)


async def _by_level(context: Context, query: LevelQuery) -> dict[str, Any]:
    return await _page(context, query, level=query.level, schedule_type=query.schedule_type)


async def _by_type(context: Context, query: TypeQuery) -> dict[str, Any]:
    return await _page(context, query, event_type=query.event_type, level=query.level)


async def _by_time(context: Context, query: RangeQuery) -> dict[str, Any]:
    start_ms, end_ms = range_of(context, query.start_time, query.end_time)
    search = Search(
        start_ms,
        end_ms,
        end_ms,
        query.limit,
        query.cursor,  # type: ignore[arg-type]
        schedule_id=query.schedule_id,
        schedule_type=query.schedule_type,
        level=query.level,
    )
    return await page(context.runtime.store, context.runtime.hours, search)


EXECUTION: Final = {
    "analytics_id": "0d9c9a4c-58c5-43f7-8d8e-6ac9b1f0d07e",
    "schedule_type": "redis_immediate",
    "schedule_id": "departure-reminder",
    "schedule_name": "Remind the rider of the departure",
    "level": "error",
    "event_type": "booking",
    "event_action": "reminder",
    "event_entity_id": None,
    "correlation_id": "9b2f1f2e-1111-4222-8333-444455556666",
    "scheduled_at": "2026-03-02T07:00:00.000Z",
    "started_processing_at": "2026-03-02T07:00:00.120Z",
    "completed_at": "2026-03-02T07:00:05.120Z",
    "execution_result": "timeout",
    "retry_count": 2,
    "error_message": "no answer of push-gateway within 5000 ms",
    "time_in_mongo_queue_ms": None,
    "time_in_clickhouse_queue_ms": None,
    "time_in_redis_queue_ms": 35,
    "total_processing_time_ms": 5000,
    "kafka_publish_time_ms": None,
    "processed_by_node": "scheduler-2",
    "kafka_topic": None,
    "kafka_partition": None,
    "kafka_offset": None,
    "source_mongo_execution_id": None,
    "source_clickhouse_id": None,
    "source_redis_key": "reminder:7",
}
_EXAMPLE: Final = {"executions": [EXECUTION], "next_cursor": None}


def _declared(path: str, summary: str, answer: Any, request: type[BaseModel]) -> Endpoint:
    return Endpoint(
        method="GET",
        path=f"{BASE}/{path}",
        role="analyst",
        summary=summary,
        answer=answer,
        request=request,
        response=ExecutionsPage,
        example=_EXAMPLE,
    )


ENDPOINTS: Final = (
    _declared(
        "schedule/{schedule_id}", "Executions of one schedule, newest first.", _by_schedule, ScheduleQuery
    ),
    _declared("time-range", "Executions of at most seven days, newest first.", _by_time, RangeQuery),
    _declared("level/{level}", "Executions of one level, newest first.", _by_level, LevelQuery),
    _declared("event-type/{event_type}", "Executions of one event type, newest first.", _by_type, TypeQuery),
)
