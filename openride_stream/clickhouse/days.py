"""Which days of a pre-aggregation can be trusted, and what has to be read from events instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from openride_stream.clickhouse.client import Param

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)
# More separate pieces than this are read as one: a condition of hundreds of ranges costs more than it saves.
_MAX_PIECES = 40


@dataclass(frozen=True, slots=True)
class DayState:
    """One touched day: how often it was touched, and the build that has seen `seen` of those touches.

    `late`: that build may have rows of bookings that nobody had told of (`route_of_booking`).
    """

    day: int
    marks: int
    seen: int
    generation: int
    late: bool = True

    @property
    def clean(self) -> bool:
        """Whether nothing has touched the day since it was built."""
        return self.generation != 0 and self.seen >= self.marks


@dataclass(frozen=True, slots=True)
class Plan:
    """How to answer for a range: built days, and pieces ([start_ms, end_ms)) to read from events.

    `cut`: the range begins or ends within a built day. `late`: one of them may have such rows.
    """

    builds: tuple[tuple[int, int], ...]
    pieces: tuple[tuple[int, int], ...]
    cut: bool = False
    late: bool = False

    def condition(self, prefix: str) -> tuple[str, dict[str, Param]]:
        """SQL condition on event_timestamp for the pieces, and its parameters (named from `prefix`)."""
        if not self.pieces:
            return "0", {}
        terms, params = [], {}
        for number, (start_ms, end_ms) in enumerate(self.pieces):
            first, last = f"{prefix}s{number}", f"{prefix}e{number}"
            terms.append(
                f"(event_timestamp >= fromUnixTimestamp64Milli({{{first}:Int64}}, 'UTC') "
                f"AND event_timestamp < fromUnixTimestamp64Milli({{{last}:Int64}}, 'UTC'))"
            )
            params[first], params[last] = start_ms, end_ms
        return " OR ".join(terms), dict(params)


def plan(
    states: Sequence[DayState],
    start_ms: int,
    end_ms: int,
    *,
    events_only: bool = False,
    edges_ms: Sequence[int] = (),
    cuts: float = 0,
) -> Plan:
    """How to answer for [start_ms, end_ms): from builds where a whole day is clean, else from events.

    A day that more of `start_ms`, `end_ms` and `edges_ms` cut than `cuts` is read from events as well: its
    build does not tell the parts apart.
    """
    builds: list[tuple[int, int]] = []
    pieces: list[tuple[int, int]] = []
    parts = late = False
    edges = {start_ms, *edges_ms, end_ms}
    for state in states:
        first_ms, last_ms = state.day * DAY_MS, (state.day + 1) * DAY_MS
        if last_ms <= start_ms or end_ms <= first_ms:
            continue
        cut = sum(first_ms < edge_ms < last_ms for edge_ms in edges)
        if state.clean and not events_only and cut <= cuts:
            builds.append((state.day, state.generation))
            parts, late = parts or cut > 0, late or state.late
        else:
            pieces.append((max(first_ms, start_ms), min(last_ms, end_ms)))
    merged = merged_pieces(pieces)
    if len(merged) > _MAX_PIECES:
        return Plan((), ((start_ms, end_ms),))
    return Plan(tuple(builds), merged, parts, late)


def days_of(states: Sequence[DayState]) -> list[tuple[int, int]]:
    """The days as [start_ms, end_ms) pieces."""
    return [(state.day * DAY_MS, (state.day + 1) * DAY_MS) for state in states]


def merged_pieces(pieces: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Pieces in order, those that touch made one."""
    merged: list[tuple[int, int]] = []
    for start_ms, end_ms in pieces:
        if merged and merged[-1][1] == start_ms:
            merged[-1] = (merged[-1][0], end_ms)
        else:
            merged.append((start_ms, end_ms))
    return tuple(merged)


def iso_day(day: int) -> str:
    """A day number (since the epoch) as ClickHouse reads a Date."""
    return (_EPOCH + timedelta(days=day)).isoformat()
