"""What a pre-aggregation is: the distinct events of one day, or the groups they make, by one SELECT."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from openride_stream.clickhouse.distinct import booking_routes, distinct_events

TIME = "event_timestamp"
FIRST, LAST = "first_at", "last_at"
SEEN = ((FIRST, f"min(e.{TIME})"), (LAST, f"max(e.{TIME})"))
"""Of a row's events the first time and the last."""


@dataclass(frozen=True, slots=True)
class PreAggregation:
    """Rows of one source table by day, each made of distinct events.

    `keys` are the columns after the day that tell rows apart, `counts` aggregates over the events of a row,
    both as (name, SQL). `events` is SQL that keeps the events that have a part in it, of columns of the
    source's sort key. `people` is SQL of an array of ids: each event comes once for each of them, as
    `person`. `repeatable` rows are the same when an event comes twice: what was redelivered need not be
    collapsed first. Not `grouped` each event has a row of its own, and no counts. `route_of_booking`: the
    route of an event is its booking's, the nil id while nobody has told of that.

    One with `parts` is made of the builds of those, in the same table: rows that differ in nothing but their
    source are one. It is no source of its own: whoever reads it reads the parts of the days that it has not.
    """

    name: str
    table: str
    source: str
    keys: tuple[tuple[str, str], ...]
    counts: tuple[tuple[str, str], ...] = ()
    events: str = "1"
    people: str = ""
    repeatable: bool = False
    grouped: bool = True
    route_of_booking: bool = False
    parts: tuple["PreAggregation", ...] = ()

    @property
    def timed(self) -> bool:
        """Whether rows have the time of their event: then a part of a day can be told from a built one."""
        return any(name == TIME for name, _ in self.keys)

    @property
    def seen(self) -> bool:
        """Whether rows have the first and last time of their events: a day that is cut once can be told."""
        return any(name == LAST for name, _ in self.counts)

    @property
    def of_source(self) -> str:
        """SQL condition that picks its rows from a table that it shares with others."""
        return f"source = '{self.source}'" if self.shares_table else "1"

    @property
    def shares_table(self) -> bool:
        """Whether its table has the rows of other sources as well."""
        return any(name == "source" for name, _ in self.keys)

    def columns(self) -> tuple[str, ...]:
        """The table's columns after `day` and `generation`, in the order of `rows_of`."""
        return tuple(name for name, _ in (*self.keys, *self.counts))

    def only(self, columns: Sequence[str]) -> Self:
        """The variant of no more than these columns; its rows are fewer where a key is left out."""
        keys = tuple(key for key in self.keys if key[0] in columns)
        return replace(self, keys=keys, counts=tuple(count for count in self.counts if count[0] in columns))

    def rows_of(self, database: str, condition: str, *, bucket: str = f"toDate({TIME})") -> str:
        """SELECT of the rows of the distinct events that meet `condition`, by `bucket` (named day)."""
        selected = "".join(f", {sql} AS {name}" for name, sql in (*self.keys, *self.counts))
        # A literal tells no rows apart, and costs as a key.
        grouped = ", ".join(["day", *(name for name, sql in self.keys if not sql.startswith("'"))])
        select = f"SELECT {bucket} AS day{selected} FROM {self._events(database, condition)} AS e"
        return f"{select} GROUP BY {grouped}" if self.grouped else select

    def of_builds(self, database: str, builds: Sequence[tuple[int, int]], generation: int) -> str:
        """Statement that makes a generation of its rows of (day, generation) of its parts."""
        keys = [name for name, _ in self.keys if name != "source"]
        columns = ", ".join(("day", "source", *keys, FIRST, LAST, "generation"))
        pairs = ", ".join(f"(toDate({day}), {built})" for day, built in builds)
        sources = ", ".join(f"'{part.source}'" for part in self.parts)
        return (
            f"INSERT INTO {database}.{self.table} ({columns}) "
            f"SELECT day, '{self.source}', {', '.join(keys)}, min({FIRST}), max({LAST}), {generation} "
            f"FROM {database}.{self.table} WHERE (day, generation) IN ({pairs}) AND source IN ({sources}) "
            f"GROUP BY day, {', '.join(keys)}"
        )

    def _events(self, database: str, condition: str) -> str:
        kept = f"({condition}) AND {self.events}"
        events = distinct_events(database, self.source, kept, collapsed=not self.repeatable)
        if self.people:
            return f"(SELECT *, arrayJoin({self.people}) AS person FROM {events})"
        if self.route_of_booking and "route_id" in self.columns():
            asked = f"SELECT booking_id FROM {database}.{self.source} WHERE ({kept}) AND city = ''"
            routes = booking_routes(database, f"booking_id IN ({asked})")
            return (
                f"(SELECT p.*, b.route_id AS route_id FROM {events} AS p "
                f"LEFT JOIN {routes} AS b ON p.booking_id = b.booking_id)"
            )
        return events


def merged(name: str, parts: tuple[PreAggregation, ...]) -> PreAggregation:
    """The pre-aggregation that is made of the builds of `parts`, which differ in their source only."""
    late = any(part.route_of_booking for part in parts)
    return replace(parts[0], name=name, source="all", route_of_booking=late, parts=parts)
