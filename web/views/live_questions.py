"""What the live queries are asked."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from web.ranges import Place

_MAX_DRIVERS: Final = 10_000
_MAX_CITIES: Final = 1_000


class PositionsQuery(BaseModel):
    """Which drivers, and how many."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    city: Place | None = Field(
        None, description="Only drivers who are in this city, exactly as it is spelled in events."
    )
    limit: Annotated[int, Field(ge=1, le=_MAX_DRIVERS)] = Field(1000, description="At most so many drivers.")


class MinutesQuery(BaseModel):
    """Of which city, and in which currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    city: Place | None = Field(
        None, description="Only events of this city, exactly as it is spelled in them."
    )
    currency: str | None = Field(
        None,
        pattern=r"^[A-Z]{3}$",
        description="ISO 4217 code that revenue is summed in. Default: OPENRIDE_CURRENCY.",
    )


class CitiesQuery(MinutesQuery):
    """How many cities."""

    limit: Annotated[int, Field(ge=1, le=_MAX_CITIES)] = Field(100, description="At most so many cities.")
