"""What the analytics endpoints answer about time and people; figures by place are in `answers`."""

from datetime import date
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

_MONEY: Final = r"^-?\d+\.\d\d$"


def _share(meaning: str) -> Any:
    return Field(ge=0, le=100, description=f"Per cent: {meaning}.")


class _Analysis(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrendPoint(_Analysis):
    """One bucket."""

    timestamp: AwareDatetime = Field(description="Start of the bucket, UTC.")
    value: float | Annotated[str, Field(pattern=_MONEY)] = Field(
        description="A number of distinct things, per cent, minutes, or money as a decimal string."
    )


class Trends(_Analysis):
    """`GET /v1/analytics/trends`."""

    data_points: list[TrendPoint] = Field(
        description="Every bucket that the range touches, zero-filled; the first and the last are cut to it."
    )


class FunnelStep(_Analysis):
    """One step of the way from registration to a ride."""

    step_number: int = Field(ge=1, description="1 is the registration.")
    step_name: str = Field(description="The event that makes the step.")
    count: int = Field(ge=0, description="Users who got there in order and within the window.")
    conversion_rate: float = _share("of those who registered")
    drop_off_rate: float = _share("of those who got to the step before, who did not get to this one")


class Funnel(_Analysis):
    """`GET /v1/analytics/funnel`."""

    steps: list[FunnelStep] = Field(description="From the registration to the completed trip.")
    overall_conversion_rate: float = _share("of those who registered, who got to the last step")


class Cohort(_Analysis):
    """The users who registered in one period."""

    cohort_period: date = Field(description="First day of the period, UTC; weeks begin on Monday.")
    cohort_size: int = Field(ge=0, description="Users who registered in it.")
    retention_by_period: dict[str, Annotated[float, Field(ge=0, le=100)] | None] = Field(
        description="`period_0` is the cohort's own, `period_k` the kth after it: per cent of the cohort "
        "that was active in it; null while it has not ended."
    )


class Cohorts(_Analysis):
    """`GET /v1/analytics/cohort`."""

    cohorts: list[Cohort] = Field(description="Every period from start_date to now, also empty ones.")


class Retained(_Analysis):
    """Who came back on one day."""

    users: int = Field(ge=0, description="Users registered in the range for whom that day has ended.")
    retained: int = Field(ge=0, description="Those of them who were active on exactly that day.")
    rate: float = _share("retained ÷ users")


class Retention(_Analysis):
    """`GET /v1/analytics/retention`."""

    d1: Retained = Field(description="On the UTC day after the one of the registration.")
    d7: Retained = Field(description="On the 7th day after.")
    d30: Retained = Field(description="On the 30th day after.")
