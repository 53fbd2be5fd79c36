"""`GET /v1/analytics/{funnel,cohort,retention}`: what becomes of those who register."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from openride_stream.api.analyses import Cohorts, Funnel, Retention
from openride_stream.api.choices import CohortType, UserType
from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.queries.cohort import cohort, first_day, period_of
from openride_stream.clickhouse.queries.funnel import funnel
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.retention import AFTER_DAYS, last_day, retention
from openride_stream.events.topics import EVENT_TABLES
from web.caching import answered
from web.context import Context
from web.endpoint import REVALIDATED, Endpoint, Reply
from web.moments import MomentMs
from web.notes import days_to_come, open_windows
from web.problems import Fault, invalid_parameters
from web.ranges import Place, RangeQuery, next_minute_ms, question_of

MAX_WINDOW_DAYS: Final = 365
MAX_PERIODS: Final = 52
MAX_COHORTS: Final = 400


class FunnelQuery(RangeQuery):
    """How long a user has for the whole way."""

    window_days: Annotated[int, Field(ge=1, le=MAX_WINDOW_DAYS)] = Field(
        30,
        description="Every step counts up to so many times 24 hours after the registration, inclusive, "
        "also past end_date.",
    )


class RetentionQuery(RangeQuery):
    """Whose retention."""

    user_type: UserType = Field(
        "all",
        description="rider: who registered as RIDER. driver: who registered as DRIVER, or was upgraded "
        "before end_date. Somebody can be both.",
    )


class CohortQuery(BaseModel):
    """Which cohorts, and how far after them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cohort_type: CohortType = Field("weekly", description="Users are put together by UTC day, week or month.")
    start_date: MomentMs | None = Field(
        None,
        description="In the first cohort's period (ISO 8601); every one from there to now is listed, at "
        f"most {MAX_COHORTS}. Default: `periods` − 1 periods before this one.",
    )
    periods: Annotated[int, Field(ge=1, le=MAX_PERIODS)] = Field(
        12, description="How many periods are told of each cohort, its own included."
    )
    city: Place | None = Field(None, description="Only users who registered in this city.")
    state: Place | None = Field(None, description="Only users who registered in this state.")


async def _funnel(context: Context, query: FunnelQuery) -> Reply:
    question = question_of(query, context)
    # Registrations reach back: an earlier one that comes in late is the one that counts from then on.
    return await answered(
        context,
        question,
        funnel,
        query.window_days,
        sources=("user_events", "booking_events", "payment_events", "trip_events"),
        since_ms=0,
        until_ms=question.end_ms + query.window_days * DAY_MS,
        whole=(),
        notes=open_windows(question, query.window_days * DAY_MS, context.runtime.clock.now_ms()),
    )


async def _retention(context: Context, query: RetentionQuery) -> Reply:
    question, now_ms = question_of(query, context), context.runtime.clock.now_ms()
    last = last_day(question)
    return await answered(
        context,
        question,
        retention,
        query.user_type,
        # Once the last day has ended the answer is the same on every day after.
        min(now_ms // DAY_MS, last + 1),
        sources=EVENT_TABLES,
        since_ms=0,
        until_ms=(last + 1) * DAY_MS,
        whole=(),
        notes=days_to_come(question, AFTER_DAYS, now_ms),
    )


async def _cohort(context: Context, query: CohortQuery) -> Reply:
    now_ms = context.runtime.clock.now_ms()
    current = period_of(now_ms // DAY_MS, query.cohort_type)
    first = _first_cohort(query, current)
    start_ms, current_ms = (first_day(period, query.cohort_type) * DAY_MS for period in (first, current))
    question = Question(
        start_ms=start_ms,
        end_ms=next_minute_ms(now_ms),
        currency=context.settings.currency,
        city=query.city,
        state=query.state,
    )
    # Activity is shown of periods that have ended, so that today's does not count yet; registrations do.
    return await answered(
        context,
        question,
        cohort,
        query.cohort_type,
        query.periods,
        current_ms,
        sources=EVENT_TABLES,
        since_ms=start_ms,
        until_ms=current_ms,
        whole=("user_events",),
    )


def _first_cohort(query: CohortQuery, current: int) -> int:
    if query.start_date is None:
        return current - query.periods + 1
    first = period_of(query.start_date // DAY_MS, query.cohort_type)
    if first > current:
        raise invalid_parameters(422, [Fault("start_date", "its period must have begun")])
    if current - first >= MAX_COHORTS:
        text = (
            f"{current - first + 1} {query.cohort_type} cohorts up to now, at most {MAX_COHORTS} are listed"
        )
        raise invalid_parameters(422, [Fault("start_date", text)])
    return first


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/analytics/funnel",
        role="analyst",
        summary="How far those who registered in the range got: booking, payment, completed trip.",
        answer=_funnel,
        request=FunnelQuery,
        response=Funnel,
        others=REVALIDATED,
        example={
            "steps": [
                {
                    "step_number": 1,
                    "step_name": "registered",
                    "count": 900,
                    "conversion_rate": 100.0,
                    "drop_off_rate": 0.0,
                },
                {
                    "step_number": 2,
                    "step_name": "booking.created",
                    "count": 600,
                    "conversion_rate": 66.67,
                    "drop_off_rate": 33.33,
                },
                {
                    "step_number": 3,
                    "step_name": "payment.initiated",
                    "count": 540,
                    "conversion_rate": 60.0,
                    "drop_off_rate": 10.0,
                },
                {
                    "step_number": 4,
                    "step_name": "payment.success",
                    "count": 513,
                    "conversion_rate": 57.0,
                    "drop_off_rate": 5.0,
                },
                {
                    "step_number": 5,
                    "step_name": "trip.completed",
                    "count": 450,
                    "conversion_rate": 50.0,
                    "drop_off_rate": 12.28,
                },
            ],
            "overall_conversion_rate": 50.0,
        },
    ),
    Endpoint(
        method="GET",
        path="/v1/analytics/cohort",
        role="analyst",
        summary="Users by when they registered, and how many of them were active in the periods after.",
        answer=_cohort,
        request=CohortQuery,
        response=Cohorts,
        others=REVALIDATED,
        example={
            "cohorts": [
                {
                    "cohort_period": "2026-01-05",
                    "cohort_size": 400,
                    "retention_by_period": {"period_0": 100.0, "period_1": 42.25, "period_2": None},
                },
                {
                    "cohort_period": "2026-01-12",
                    "cohort_size": 380,
                    "retention_by_period": {"period_0": 100.0, "period_1": None, "period_2": None},
                },
            ]
        },
    ),
    Endpoint(
        method="GET",
        path="/v1/analytics/retention",
        role="analyst",
        summary="Who of those who registered in the range was active 1, 7 and 30 days after.",
        answer=_retention,
        request=RetentionQuery,
        response=Retention,
        others=REVALIDATED,
        example={
            "d1": {"users": 900, "retained": 315, "rate": 35.0},
            "d7": {"users": 800, "retained": 180, "rate": 22.5},
            "d30": {"users": 0, "retained": 0, "rate": 0.0},
        },
    ),
)
