"""What `GET /v1/realtime/anomalies` answers."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from openride_stream.api.fields import Answer, Moment, count
from openride_stream.api.frames import table_of
from openride_stream.api.live import Lately

if TYPE_CHECKING:
    from pandas import DataFrame

SeriesName = Literal[
    "trips_started",
    "trips_completed",
    "bookings_created",
    "bookings_cancelled",
    "revenue",
    "payments_success",
    "payments_failed",
]


class Level(Answer):
    """Some minutes of one series, and what is usual then."""

    series: SeriesName = Field(description="As `/v1/realtime/minutes` names it.")
    start: Moment = Field(description="Start of the minutes, UTC.")
    end: Moment = Field(description="Their end, not included.")
    observed: float = Field(description="What they held together.")
    expected: float = Field(description="Median of the same minutes on earlier days of the same kind.")
    score: float = Field(description="Robust standard deviations from that; below 0 when less.")


class Anomaly(Level):
    """Minutes in which a series was unusual; figures are those of its most unusual window."""

    direction: Literal["low", "high"] = Field(description="Less or more than is usual.")


class Anomalies(Lately):
    """`GET /v1/realtime/anomalies`."""

    judged_until: Moment | None = Field(
        description="End of the last window; null while nothing can be judged."
    )
    why_not: str | None = Field(description="Why nothing can be judged; null when it is.")
    days: int = count("Earlier days of the same kind that say what is usual.")
    levels: list[Level] = Field(description="The last window of each series.")
    anomalies: list[Anomaly] = Field(description="Of the last hour, series by series in order of time.")

    def to_dataframe(self) -> "DataFrame":
        """A row an anomaly in the order of the answer, the fields of `Anomaly` as columns.

        Raises:
            ImportError: pandas is not installed.
        """
        return table_of(Anomaly, self.anomalies)
