"""The reference as a client asks it: a path, parameters as they stand in the query, and the time.

Defaults are those of docs/http-reference.md. No parameter is checked: what is asked must be answerable.
"""

from collections.abc import Mapping
from typing import Any

from tests.reference.figures import Reference
from tests.reference.moments import DAY_MS, floor_to, to_ms

MINUTE_MS = 60_000
DEFAULT_DAYS = 30
COMMON = ("city", "state", "currency", "granularity")
# What an endpoint takes beside the range and the place, with its default.
FURTHER: dict[str, dict[str, Any]] = {
    "drivers": {"limit": 100, "sort": "earnings"},
    "routes": {"limit": 100},
    "geographic": {"metric": "bookings"},
    "trends": {"metric": "bookings_created", "granularity": "daily"},
    "funnel": {"window_days": 30},
    "retention": {"user_type": "all"},
    "cohort": {"cohort_type": "weekly", "periods": 12},
}


def answer(reference: Reference, path: str, asked: Mapping[str, str], now_ms: int) -> dict[str, Any]:
    """What `GET path?asked` must answer at `now_ms` (since the epoch)."""
    name = path.rsplit("/", maxsplit=1)[1]
    further = FURTHER.get(name, {})
    more: dict[str, Any] = {key: asked[key] for key in COMMON if key in asked}
    more = further | more | {key: type(further[key])(asked[key]) for key in further if key in asked}
    if name == "cohort":
        return _cohort(reference, asked, more, now_ms)
    end_ms = to_ms(asked["end_date"]) if "end_date" in asked else next_minute(now_ms)
    start_ms = to_ms(asked["start_date"]) if "start_date" in asked else end_ms - DEFAULT_DAYS * DAY_MS
    if name == "retention":
        more["today"] = now_ms // DAY_MS
    figures: dict[str, Any] = getattr(reference, name)(start_ms, end_ms, **more)
    return figures


def next_minute(now_ms: int) -> int:
    """Where a range without an end does end."""
    return (now_ms // MINUTE_MS + 1) * MINUTE_MS


def _cohort(
    reference: Reference, asked: Mapping[str, str], more: dict[str, Any], now_ms: int
) -> dict[str, Any]:
    kind = more["cohort_type"]
    start_ms = floor_to(to_ms(asked["start_date"]) if "start_date" in asked else now_ms, kind)
    if "start_date" not in asked:
        for _ in range(more["periods"] - 1):
            start_ms = floor_to(start_ms - 1, kind)
    return reference.cohort(start_ms, next_minute(now_ms), now_ms=now_ms, **more)
