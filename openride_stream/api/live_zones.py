"""What `GET /v1/realtime/zones` answers, from the live tables."""

from typing import TYPE_CHECKING

from pydantic import Field

from openride_stream.api.fields import Answer, count
from openride_stream.api.frames import table_of
from openride_stream.api.live import Lately

if TYPE_CHECKING:
    from pandas import DataFrame


class Zone(Answer):
    """One cell of a grid that lies fixed on the earth, and what is so now in it."""

    south: float = Field(ge=-90, le=90, description="Its southern edge in degrees north, part of it.")
    west: float = Field(ge=-180, le=180, description="Its western edge in degrees east, part of it.")
    north: float = Field(ge=-90, le=90, description="Its northern edge, part of the next one.")
    east: float = Field(ge=-180, le=180, description="Its eastern edge, part of the next one.")
    active_drivers: int = count(
        "Active drivers who were seen there last, as `/v1/realtime/drivers` has them."
    )
    free_drivers: int = count("Those of them who are on no trip.")
    bookings_last_hour: int = count("Distinct bookings created in the last hour, to be picked up there.")


class Zones(Lately):
    """`GET /v1/realtime/zones`."""

    size_km: float = Field(gt=0, description="Height of a zone, and its width within a few per cent.")
    total: int = count("Zones with a driver or a booking, also those beyond `limit`.")
    bookings_without_pickup: int = count(
        "Bookings of the last hour in no zone: a worker of the version before took them in a moment ago."
    )
    zones: list[Zone] = Field(description="Most bookings first, then most drivers, then from south-west.")

    def to_dataframe(self) -> "DataFrame":
        """A row a zone in the order of the answer, the fields of `Zone` as columns.

        Raises:
            ImportError: pandas is not installed.
        """
        return table_of(Zone, self.zones)
