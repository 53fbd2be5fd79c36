"""Hypothesis strategies: requests of every endpoint of figures, as clients write them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from tests.exactness.stories import DAY_MS, HOUR_MS, near

GRANULARITIES = ("hourly", "daily", "weekly", "monthly")
TRENDS = (
    *("bookings_created", "bookings_confirmed", "revenue", "trips_completed", "active_users"),
    *("active_drivers", "registrations", "payment_success_rate", "avg_trip_duration"),
)


class Asked(NamedTuple):
    """A request: path and query."""

    path: str
    parameters: dict[str, str]


# Where ranges begin and end, in days from the edge: most hold it and something, some are empty.
_starts = st.sampled_from((-1, 0, -2, -7, -8, -31, -31, -40, -62, -300, 1, 200))
_ends = st.sampled_from((1, 2, 7, 8, 31, 32, 32, 40, 65, 90, 0, -1, -20))
_cities = st.sampled_from(("Lagos", "Lagos", "Ikeja", "lagos", "Abuja", "O'Hara\\ {x}\t\u00d6", "Nowhere"))
_states = st.sampled_from(("LA", "LA", "OG", "FC", "\u0632"))
_currencies = st.sampled_from(("NGN", "USD", "KES"))
_limits = st.sampled_from(("500", "1", "2"))


@st.composite
def _ranges(draw: st.DrawFn, edge_ms: int, longest_ms: int) -> tuple[int, int]:
    """Bounds at midnight, or at, just before or after a moment at which something may have happened."""
    start_ms, end_ms = (edge_ms + draw(after) * DAY_MS + draw(near) for after in (_starts, _ends))
    if draw(st.booleans()):
        start_ms, end_ms = start_ms // DAY_MS * DAY_MS, end_ms // DAY_MS * DAY_MS
    if start_ms >= end_ms:
        end_ms = start_ms + draw(st.sampled_from((1, DAY_MS)))
    return max(start_ms, end_ms - longest_ms), end_ms


@st.composite
def _written(draw: st.DrawFn, ms: int) -> str:
    """ISO 8601 of a bound: with an offset or without; a date alone where it is midnight."""
    moment = datetime.fromtimestamp(ms // 1000, UTC) + timedelta(milliseconds=ms % 1000)
    spelling = draw(st.sampled_from(("utc", "naive", "offset", "finer")))
    if spelling == "naive":
        return f"{moment:%Y-%m-%d}" if ms % DAY_MS == 0 else moment.replace(tzinfo=None).isoformat()
    if spelling == "offset":
        return (moment.replace(tzinfo=None) + timedelta(hours=2)).isoformat() + "+02:00"
    if spelling == "finer":  # half a millisecond before it, which no event can lie in
        moment -= timedelta(microseconds=500)
    return moment.isoformat().replace("+00:00", "Z")


@st.composite
def _place(draw: st.DrawFn) -> dict[str, str]:
    city = {"city": draw(_cities)} if not draw(st.integers(0, 4)) else {}
    return city | ({"state": draw(_states)} if not draw(st.integers(0, 5)) else {})


@st.composite
def _ranged(draw: st.DrawFn, edge_ms: int, *, granularity: bool = False) -> dict[str, str]:
    asked = draw(_place())
    longest_ms = 400 * DAY_MS
    if granularity and draw(st.booleans()):
        asked["granularity"] = draw(st.sampled_from(GRANULARITIES))
        if asked["granularity"] == "hourly":
            longest_ms = 9 * DAY_MS
    if draw(st.booleans()):
        asked["currency"] = draw(_currencies)
    start_ms, end_ms = draw(_ranges(edge_ms, longest_ms))
    bounds = draw(st.sampled_from(("both", "both", "both", "end", "neither")))
    if asked.get("granularity") != "hourly" and bounds == "neither":
        return asked
    if bounds != "end":
        asked["start_date"] = draw(_written(start_ms))
    return asked | {"end_date": draw(_written(end_ms))}


@st.composite
def _cohorts(draw: st.DrawFn, edge_ms: int) -> dict[str, str]:
    asked = draw(_place())
    asked |= {"cohort_type": draw(st.sampled_from(GRANULARITIES[1:]))}
    if draw(st.booleans()):
        asked["periods"] = draw(st.sampled_from(("1", "2", "7", "52")))
    if draw(st.integers(0, 3)):
        before_ms = draw(st.sampled_from((DAY_MS, DAY_MS + 1, 2 * DAY_MS, 8 * DAY_MS, 40 * DAY_MS)))
        asked["start_date"] = draw(_written(edge_ms - before_ms))
    return asked


def _with(
    strategy: Callable[[int], st.SearchStrategy[dict[str, str]]], **more: st.SearchStrategy[str]
) -> Callable[[int], st.SearchStrategy[dict[str, str]]]:
    """`strategy` with further parameters, each of them given or not."""

    @st.composite
    def strategies(draw: st.DrawFn, edge_ms: int) -> dict[str, str]:
        given = {name: draw(values) for name, values in more.items() if draw(st.integers(0, 3))}
        return draw(strategy(edge_ms)) | given

    return strategies


def _metrics(edge_ms: int) -> st.SearchStrategy[dict[str, str]]:
    return _ranged(edge_ms, granularity=True)


ENDPOINTS: dict[str, Callable[[int], st.SearchStrategy[dict[str, str]]]] = {
    **{f"/v1/metrics/{name}": _metrics for name in ("users", "bookings", "payments", "trips")},
    "/v1/metrics/drivers": _with(_metrics, limit=_limits, sort=st.sampled_from(("earnings", "trips"))),
    "/v1/metrics/routes": _with(_metrics, limit=_limits),
    "/v1/analytics/funnel": _with(_ranged, window_days=st.sampled_from(("1", "3", "30", "365"))),
    "/v1/analytics/cohort": _cohorts,
    "/v1/analytics/retention": _with(_ranged, user_type=st.sampled_from(("all", "rider", "driver"))),
    "/v1/analytics/geographic": _with(_ranged, metric=st.sampled_from(("bookings", "revenue", "users"))),
    "/v1/analytics/trends": _with(_metrics, metric=st.sampled_from(TRENDS)),
}


@st.composite
def questions(draw: st.DrawFn, edge_ms: int) -> tuple[Asked, ...]:
    """One request of each endpoint, which must be answered."""
    return tuple(Asked(path, draw(parameters(edge_ms))) for path, parameters in ENDPOINTS.items())


@st.composite
def nows(draw: st.DrawFn, edge_ms: int) -> int:
    """What the clock says: from just before the edge on to some months after it."""
    later_ms = (32 * DAY_MS, 0, -HOUR_MS, 9 * HOUR_MS, 2 * DAY_MS, 8 * DAY_MS, 65 * DAY_MS, 100 * DAY_MS)
    return edge_ms + draw(st.sampled_from(later_ms)) + draw(st.sampled_from((0, 1, -1)))
