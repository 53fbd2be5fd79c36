"""What the analytics endpoints answer, field by field in the contract's order."""

from datetime import date
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, Strict

from openride_stream.api.fields import Answer, Moment, Money, percentage
from openride_stream.api.frames import pandas, series_of, table_of

if TYPE_CHECKING:
    from pandas import DataFrame

# Strict, since a number would be read from the text of money as well.
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]


class PlaceValue(Answer):
    """The figure at one place."""

    state: str | None = Field(description="Null where the place has none.")
    city: str | None = Field(description="Null, with a null state, for what has no place.")
    value: Whole | Money = Field(description="Distinct bookings or users, or money as a decimal string.")


class Geographic(Answer):
    """`GET /v1/analytics/geographic`."""

    data_points: list[PlaceValue] = Field(
        description="Places with any of it: largest value first, then by state and city, null last."
    )

    def to_dataframe(self) -> "DataFrame":
        """A row a place in the order of the answer: `state`, `city`, `value` (int, or Decimal for revenue).

        Raises:
            ImportError: pandas is not installed.
        """
        return table_of(PlaceValue, self.data_points)


class TrendPoint(Answer):
    """One bucket."""

    timestamp: Moment = Field(description="Start of the bucket, UTC.")
    value: Number | Money = Field(
        description="A number of distinct things, per cent, minutes, or money as a decimal string."
    )


class Trends(Answer):
    """`GET /v1/analytics/trends`."""

    data_points: list[TrendPoint] = Field(
        description="Every bucket that the range touches, zero-filled; the first and the last are cut to it."
    )

    def to_dataframe(self) -> "DataFrame":
        """One column `value` (float, or Decimal for revenue) over an index `timestamp` (UTC).

        Raises:
            ImportError: pandas is not installed.
        """
        return series_of(self.data_points, "value")


class FunnelStep(Answer):
    """One step of the way from registration to a ride."""

    step_number: int = Field(ge=1, description="1 is the registration.")
    step_name: str = Field(description="The event that makes the step.")
    count: int = Field(ge=0, description="Users who got there in order and within the window.")
    conversion_rate: float = percentage("of those who registered")
    drop_off_rate: float = percentage("of those who got to the step before, who did not get to this one")


class Funnel(Answer):
    """`GET /v1/analytics/funnel`."""

    steps: list[FunnelStep] = Field(description="From the registration to the completed trip.")
    overall_conversion_rate: float = percentage("of those who registered, who got to the last step")

    def to_dataframe(self) -> "DataFrame":
        """A row a step in their order, the fields of `FunnelStep` as columns.

        Raises:
            ImportError: pandas is not installed.
        """
        return table_of(FunnelStep, self.steps)


class Cohort(Answer):
    """The users who registered in one period."""

    cohort_period: date = Field(description="First day of the period, UTC; weeks begin on Monday.")
    cohort_size: int = Field(ge=0, description="Users who registered in it.")
    retention_by_period: dict[str, Annotated[float, Field(ge=0, le=100)] | None] = Field(
        description="`period_0` is the cohort's own, `period_k` the kth after it: per cent of the cohort "
        "that was active in it; null while it has not ended."
    )


class Cohorts(Answer):
    """`GET /v1/analytics/cohort`."""

    cohorts: list[Cohort] = Field(description="Every period from start_date to now, also empty ones.")

    def to_dataframe(self) -> "DataFrame":
        """The matrix: a row a cohort by `cohort_period`, columns `period_0` …, per cent, NaN for null.

        Sizes are not in it: `[cohort.cohort_size for cohort in answer.cohorts]` is in the order of its rows.

        Raises:
            ImportError: pandas is not installed.
        """
        library = pandas()
        days = library.to_datetime([cohort.cohort_period for cohort in self.cohorts])
        shares = [cohort.retention_by_period for cohort in self.cohorts]
        return library.DataFrame(shares, index=days.rename("cohort_period"), dtype=float)


class Retained(Answer):
    """Who came back on one day."""

    users: int = Field(ge=0, description="Users registered in the range for whom that day has ended.")
    retained: int = Field(ge=0, description="Those of them who were active on exactly that day.")
    rate: float = percentage("retained ÷ users; 0 where there are none")


class Retention(Answer):
    """`GET /v1/analytics/retention`."""

    d1: Retained = Field(description="On the UTC day after the one of the registration.")
    d7: Retained = Field(description="On the 7th day after.")
    d30: Retained = Field(description="On the 30th day after.")

    def to_dataframe(self) -> "DataFrame":
        """Rows `d1`, `d7`, `d30`; columns `users`, `retained`, `rate` (per cent).

        Raises:
            ImportError: pandas is not installed.
        """
        days = [self.d1, self.d7, self.d30]
        return table_of(Retained, days).set_index(pandas().Index(["d1", "d7", "d30"], name="day"))
