"""What a pre-aggregation is: mergeable states of the distinct events of one day, by one SELECT."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from openride_stream.clickhouse.distinct import booking_routes, distinct_events


@dataclass(frozen=True, slots=True)
class PreAggregation:
    """States of one source table by day.

    `keys` are the grouping columns after the day, `states` the aggregate columns, both as (name, SQL).
    `events` is SQL that keeps the events that have a part in it, of columns of the source's sort key.
    `by_booking` gives rows the route of their booking. `people` is SQL of an array of ids: each row comes
    once for each of them, as `person`. `repeatable` states are the same when a row comes twice: what was
    redelivered need not be collapsed first. Not `grouped` each event has a row of its own, and no states.
    """

    name: str
    table: str
    source: str
    keys: tuple[tuple[str, str], ...]
    states: tuple[tuple[str, str], ...]
    events: str = "1"
    by_booking: bool = False
    people: str = ""
    repeatable: bool = False
    grouped: bool = True

    def placed(self) -> Self:
        """The variant whose rows carry what a place filter needs.

        A payment has no route of its own, and its booking may arrive after the day was built: so its route
        is no column of the pre-aggregation, and a filtered answer is read from events.
        """
        if self.source != "payment_events":
            return self
        keys = (*(key for key in self.keys if key[0] != "route_id"), ("route_id", "e.route_id"))
        return replace(self, keys=keys, by_booking=True)

    def columns(self) -> tuple[str, ...]:
        """The table's columns after `day` and `generation`, in the order of `states_of`."""
        return tuple(name for name, _ in (*self.keys, *self.states))

    def only(self, columns: Sequence[str]) -> Self:
        """The variant of no more than these columns; its rows are fewer where a key is left out."""
        keys = tuple(key for key in self.keys if key[0] in columns)
        return replace(self, keys=keys, states=tuple(state for state in self.states if state[0] in columns))

    def states_of(self, database: str, condition: str, *, bucket: str = "toDate(event_timestamp)") -> str:
        """SELECT of the states of the distinct events that meet `condition`, by `bucket` (named day)."""
        selected = ", ".join(f"{sql} AS {name}" for name, sql in (*self.keys, *self.states))
        # A literal tells no rows apart, and costs as a key.
        grouped = ", ".join(["day", *(name for name, sql in self.keys if not sql.startswith("'"))])
        rows = self._rows(database, condition)
        select = f"SELECT {bucket} AS day, {selected} FROM {rows} AS e"
        return f"{select} GROUP BY {grouped}" if self.grouped else select

    def _rows(self, database: str, condition: str) -> str:
        kept = f"({condition}) AND {self.events}"
        rows = distinct_events(database, self.source, kept, collapsed=not self.repeatable)
        if self.people:
            return f"(SELECT *, arrayJoin({self.people}) AS person FROM {rows})"
        if not self.by_booking:
            return rows
        return (
            f"(SELECT p.*, b.route_id AS route_id FROM {rows} AS p "
            f"LEFT JOIN {booking_routes(database)} AS b ON p.booking_id = b.booking_id)"
        )
