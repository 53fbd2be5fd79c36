"""Facts as a batch writes them, and as they are kept: a route by its hash, a wait by its bucket."""

import numpy as np

from tables.placed_series import BOOKED, NO_CITY, ROUTES
from tables.series import QUEUED, Facts, Series, made, mixed_halves
from tables.sightings import TIERS
from tables.wait_sketch import codes


def kept(series: Series, written: Facts, now_ms: int) -> tuple[Facts, Facts | None]:
    """Facts of a series as they are kept, and the routes whose origin is needed for them.

    Those of events without a city, and of every booking: its payments may name none.
    """
    if series.written is None:
        return written, None
    if series is QUEUED:
        return _queued(written), None
    high, low = written["route_high"], written["route_low"]
    routes = mixed_halves(high, low)
    columns = {name: written[name] for name, _ in series.columns if name != "route"}
    facts = made(series, written["id"], written["at"], **columns, route=routes)
    needed = slice(None) if series is BOOKED else np.flatnonzero(written["city"] == NO_CITY)
    # Also while the event lies ahead: by then it should be known where the route begins.
    seen_ms = np.minimum(written["at"][needed], now_ms)
    return facts, made(ROUTES, routes[needed], seen_ms, high=high[needed], low=low[needed])


def _queued(written: Facts) -> Facts:
    # A tier that is not known is that of a newer version.
    known = written[written["tier"] < len(TIERS)]
    return made(QUEUED, known["id"], known["at"], code=codes(known["tier"], known["waited_ms"]))
