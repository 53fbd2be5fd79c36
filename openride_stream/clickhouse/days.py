"""Which days of a pre-aggregation can be trusted, and what has to be read from events instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b

from openride_stream.clickhouse.client import ClickHouse, Param
from openride_stream.clickhouse.preaggregations import PreAggregation

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)
# More separate pieces than this are read as one: a condition of hundreds of ranges costs more than it saves.
_MAX_PIECES = 40


@dataclass(frozen=True, slots=True)
class DayState:
    """One touched day: how often it was touched, and the build that has seen `seen` of those touches."""

    day: int
    marks: int
    seen: int
    generation: int

    @property
    def clean(self) -> bool:
        """Whether nothing has touched the day since it was built."""
        return self.generation != 0 and self.seen >= self.marks


@dataclass(frozen=True, slots=True)
class Plan:
    """How to answer for a range: built days, and pieces ([start_ms, end_ms)) to read from events.

    `version` changes whenever anything in the range does.
    """

    builds: tuple[tuple[int, int], ...]
    pieces: tuple[tuple[int, int], ...]
    version: str

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

    def built(self) -> str:
        """SQL condition that picks the built days (numbers of our own making)."""
        if not self.builds:
            return "0"
        pairs = ", ".join(f"(toDate({day}), {generation})" for day, generation in self.builds)
        return f"(day, generation) IN ({pairs})"


async def day_states(
    store: ClickHouse, preaggregation: PreAggregation, first_day: int, last_day: int
) -> list[DayState]:
    """Every touched day (days since the epoch) from `first_day` to `last_day`, both included."""
    database = store.database
    rows = await store.select(
        "SELECT toUInt32(m.day) AS day, m.total AS marks, b.seen AS seen, b.current AS generation FROM "
        f"(SELECT day, sum(marks) AS total FROM {database}.day_marks WHERE source = {{source:String}} "
        "AND day BETWEEN toDate({first:Int32}) AND toDate({last:Int32}) GROUP BY day) AS m LEFT JOIN "
        "(SELECT day, max(marks_seen) AS seen, argMax(generation, (marks_seen, generation)) AS current "
        f"FROM {database}.day_builds WHERE preaggregation = {{name:String}} GROUP BY day) AS b "
        "ON m.day = b.day ORDER BY day",
        {
            "source": preaggregation.source,
            "name": preaggregation.name,
            "first": max(first_day, 0),
            "last": min(last_day, 65_535),
        },
    )
    return [DayState(row["day"], row["marks"], row["seen"], row["generation"]) for row in rows]


async def plan(
    store: ClickHouse,
    preaggregation: PreAggregation,
    start_ms: int,
    end_ms: int,
    *,
    events_only: bool = False,
) -> Plan:
    """How to answer for [start_ms, end_ms): from builds where a whole day is clean, else from events."""
    states = await day_states(store, preaggregation, start_ms // DAY_MS, (end_ms - 1) // DAY_MS)
    builds: list[tuple[int, int]] = []
    pieces: list[tuple[int, int]] = []
    for state in states:
        first_ms, last_ms = state.day * DAY_MS, (state.day + 1) * DAY_MS
        if state.clean and not events_only and start_ms <= first_ms and last_ms <= end_ms:
            builds.append((state.day, state.generation))
        else:
            pieces.append((max(first_ms, start_ms), min(last_ms, end_ms)))
    merged = merged_pieces(pieces)
    if len(merged) > _MAX_PIECES:
        builds, merged = [], ((start_ms, end_ms),)
    digest = blake2b(repr([(s.day, s.marks) for s in states]).encode(), digest_size=12).hexdigest()
    return Plan(tuple(builds), merged, digest)


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


async def version(
    store: ClickHouse, sources: Sequence[str], start_ms: int, end_ms: int, whole: Sequence[str] = ()
) -> str:
    """What an answer hangs on: changes whenever an event of `sources` in the range, or any of `whole`, is stored.

    A cached answer under this version is never stale, whichever worker stored the event.
    """
    rows = await store.select(
        f"SELECT source, sum(marks) AS total FROM {store.database}.day_marks WHERE "
        "(source IN {sources:Array(String)} AND day BETWEEN toDate({first:Int32}) AND toDate({last:Int32})) "
        "OR source IN {whole:Array(String)} GROUP BY source ORDER BY source",
        {
            "sources": list(sources),
            "whole": list(whole),
            "first": max(start_ms // DAY_MS, 0),
            "last": min((end_ms - 1) // DAY_MS, 65_535),
        },
    )
    return ",".join(f"{row['source']}:{row['total']}" for row in rows)
