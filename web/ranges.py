"""The parameters that every endpoint of figures takes, and the question that they ask."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from openride_stream.api.choices import Granularity
from openride_stream.clickhouse.queries.question import Question
from web.context import Context
from web.moments import MomentMs
from web.problems import Fault, Problem, invalid_parameters

DEFAULT_DAYS: Final = 30
MAX_DAYS: Final = 400
MAX_HOURLY_DAYS: Final = 62

_DAY_MS: Final = 86_400_000
_MINUTE_MS: Final = 60_000

# No longest one: events may name any, and a URL ends at 8 KiB anyway.
Place = Annotated[str, Field(min_length=1)]


class RangeQuery(BaseModel):
    """Range, place and currency. Moments are milliseconds since the epoch once parsed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start_date: MomentMs | None = Field(
        None, description="Start of the range, included (ISO 8601). Default: 30 days before end_date."
    )
    end_date: MomentMs | None = Field(
        None, description="End of the range, not included (ISO 8601). Default: the next full minute."
    )
    city: Place | None = Field(
        None, description="Only events of this city, exactly as it is spelled in them."
    )
    state: Place | None = Field(None, description="Only events of this state.")
    currency: str | None = Field(
        None,
        pattern=r"^[A-Z]{3}$",
        description="ISO 4217 code that money is summed in. Default: OPENRIDE_CURRENCY.",
    )


class MetricsQuery(RangeQuery):
    """What every metrics endpoint takes."""

    granularity: Granularity | None = Field(
        None, description="Adds time_series, the first figure by bucket, to the answer."
    )


def question_of(query: RangeQuery, context: Context) -> Question:
    """The question with its defaults filled in.

    The end defaults to the next full minute, not to this very millisecond: everything up to now is in it,
    and requests within a minute ask the same question and share one cached answer.

    Raises:
        Problem: 422 when the range is empty or longer than 400 days (62 with hourly granularity).
    """
    end_ms = query.end_date
    if end_ms is None:
        end_ms = next_minute_ms(context.runtime.clock.now_ms())
    start_ms = end_ms - DEFAULT_DAYS * _DAY_MS if query.start_date is None else query.start_date
    granularity = query.granularity if isinstance(query, MetricsQuery) else None
    problem = _range_problem(start_ms, end_ms, query, granularity)
    if problem:
        raise problem
    return Question(
        start_ms=start_ms,
        end_ms=end_ms,
        currency=query.currency or context.settings.currency,
        city=query.city,
        state=query.state,
        granularity=granularity,
    )


def next_minute_ms(now_ms: int) -> int:
    """The next full minute: the end of a range up to now."""
    return (now_ms // _MINUTE_MS + 1) * _MINUTE_MS


def _range_problem(
    start_ms: int, end_ms: int, query: RangeQuery, granularity: Granularity | None
) -> Problem | None:
    if start_ms >= end_ms:
        if query.end_date is None:
            return invalid_parameters(422, [Fault("start_date", "must lie before now without an end_date")])
        return invalid_parameters(422, [Fault("end_date", "must lie after start_date")])
    days = (end_ms - start_ms) / _DAY_MS
    if days > MAX_DAYS:
        text = f"the range up to end_date has {days:.1f} days, at most {MAX_DAYS} are answered"
        return invalid_parameters(422, [Fault("start_date", text)])
    if granularity == "hourly" and days > MAX_HOURLY_DAYS:
        text = f"hourly is answered for at most {MAX_HOURLY_DAYS} days, the range has {days:.1f}"
        return invalid_parameters(422, [Fault("granularity", text)])
    return None
