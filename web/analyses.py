"""What the analytics endpoints answer about time and people; figures by place are in `answers`."""

from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

_MONEY: Final = r"^-?\d+\.\d\d$"


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
