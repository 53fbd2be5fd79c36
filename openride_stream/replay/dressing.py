"""What happens to events between their making and their sending: packing, bad records, resends."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from openride_stream.replay.faults import Spoiler
from openride_stream.replay.parcels import Parcel, packed
from openride_stream.replay.resends import Resender
from openride_stream.replay.story import Outgoing
from openride_stream.settings import Settings


@dataclass(frozen=True, slots=True)
class Roughness:
    """How rough the stream is: shares (0..1) of records, and the seed that picks them.

    Attributes:
        seed: the same seed roughens the same stream in the same way.
        bad: bad records for one good one.
        duplicates: records that are sent again, byte for byte.
        conflicts: records after which another content with the same event_id is sent.
        without_ids: events that carry no event_id.
    """

    seed: int = 1
    bad: float = 0.0
    duplicates: float = 0.0
    conflicts: float = 0.0
    without_ids: float = 0.0


def retention_by_table(settings: Settings) -> dict[str, int]:
    """Days that each table keeps."""
    domains = ("user", "booking", "payment", "trip", "route")
    return {
        **{f"{domain}_events": settings.retention_events_days for domain in domains},
        "location_events": settings.retention_location_days,
        "schedule_analytics": settings.retention_schedule_days,
    }


def dressed(
    events: Iterable[Outgoing], scope: str, roughness: Roughness, retention_days: dict[str, int]
) -> Iterator[Parcel]:
    """Generated events of one scope (see `Ids`), ready to be sent."""
    dice = random.Random(f"{scope}|{roughness.seed}|packing")
    return roughened(packed(events, dice, roughness.without_ids), scope, roughness, retention_days)


def roughened(
    parcels: Iterable[Parcel], scope: str, roughness: Roughness, retention_days: dict[str, int]
) -> Iterator[Parcel]:
    """Parcels with bad ones and resends among them."""
    if roughness.duplicates or roughness.conflicts:
        dice = random.Random(f"{scope}|{roughness.seed}|resends")
        parcels = Resender(dice, roughness.duplicates, roughness.conflicts).among(parcels)
    if roughness.bad:
        dice = random.Random(f"{scope}|{roughness.seed}|faults")
        parcels = Spoiler(dice, roughness.bad, retention_days).among(parcels)
    return iter(parcels)
