"""`GET /v1/realtime/zones`: what is so now by cell of a grid, from the live tables."""

from collections.abc import Hashable
from dataclasses import asdict
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from openride_stream.api.live_zones import Zones
from tables.zones import zones
from web.context import Context
from web.endpoint import Endpoint
from web.lately import Lately, moment
from web.ranges import Place

_FRESH_S: Final = 1.0
_MAX_ZONES: Final = 5_000


class ZonesQuery(BaseModel):
    """Of which city, how large, and how many."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    city: Place | None = Field(
        None, description="Only drivers and bookings of this city, exactly as it is spelled in events."
    )
    size_km: Annotated[float, Field(ge=0.1, le=1_000, allow_inf_nan=False)] | None = Field(
        None,
        description="Height of a zone. Default: the least of 0.25, 0.5, 1, 2, 5, 10 and so on, of which "
        "sixteen side by side hold the middle nine tenths.",
    )
    limit: Annotated[int, Field(ge=1, le=_MAX_ZONES)] = Field(1000, description="At most so many zones.")


async def _zones(context: Context, query: ZonesQuery) -> dict[str, Any]:
    now_ms, freshness, health = await moment(context)
    found = zones(context.live.state, now_ms, query.city, query.size_km, query.limit)
    return {
        **freshness,
        "system_health": health.level,
        "reasons": health.reasons,
        "size_km": found.size_km,
        "total": found.total,
        "bookings_without_pickup": found.bookings_without_pickup,
        "zones": [*map(asdict, found.zones)],
    }


def _itself(context: Context, query: ZonesQuery) -> Hashable:
    del context
    return query


def endpoints() -> tuple[Endpoint, ...]:
    """The one endpoint, with answers that are good for a moment."""
    return (
        Endpoint(
            "GET",
            "/v1/realtime/zones",
            "viewer",
            "Drivers and the last hour's bookings by zone: cells of a grid that lies fixed on the earth.",
            Lately(_itself, _zones, _FRESH_S).answer,
            request=ZonesQuery,
            response=Zones,
            example={
                "timestamp": "2026-11-22T09:00:04.120Z",
                "as_of": "2026-11-22T09:00:03.902Z",
                "system_health": "healthy",
                "reasons": [],
                "size_km": 1.0,
                "total": 61,
                "bookings_without_pickup": 0,
                "zones": [
                    {
                        "south": 6.422324,
                        "west": 3.417191,
                        "north": 6.431317,
                        "east": 3.426239,
                        "active_drivers": 12,
                        "free_drivers": 4,
                        "bookings_last_hour": 37,
                    }
                ],
            },
        ),
    )
