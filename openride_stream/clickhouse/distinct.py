"""Distinct events: what every figure is computed from.

A redelivered event collapses under FINAL; of several contents of one event_id all but the one that counts
are listed in `superseded_events`.
"""

from typing import Final

NO_ROUTE: Final = "toUUID('00000000-0000-0000-0000-000000000000')"
"""SQL of the route of an event that has none: the nil UUID, which names nothing (RFC 9562 section 5.9)."""


def counted(database: str) -> str:
    """The condition that keeps the contents that count; for rows with `event_id` and `precedence`."""
    return f"(event_id, precedence) NOT IN (SELECT event_id, precedence FROM {database}.superseded_events)"


def distinct_events(database: str, table: str, condition: str, *, collapsed: bool = True) -> str:
    """A subquery of the distinct events of one domain table that meet `condition` (our own SQL).

    Not `collapsed` it may have the same event twice, which is nothing to a set of ids and costs less.
    """
    final = "FINAL " if collapsed else ""
    return f"(SELECT * FROM {database}.{table} {final}WHERE ({condition}) AND {counted(database)})"


def routes(database: str) -> str:
    """A subquery of every route's origin and description, as its earliest route.created has it."""
    earliest = "(event_timestamp, UUIDToNum(event_id))"
    columns = ("driver_id", "route_name", "origin_city", "origin_state", "destination_city", "seats_total")
    picked = ", ".join(f"argMin({column}, {earliest}) AS {column}" for column in columns)
    # The alias must not shadow the column inside other aggregates of the same SELECT.
    return (
        f"(SELECT route_id, {picked} FROM {database}.route_facts WHERE {counted(database)} GROUP BY route_id "
        "SETTINGS prefer_column_name_to_alias = 1)"
    )


def booking_routes(database: str, condition: str = "1") -> str:
    """A subquery of the route of every booking that meets `condition`, as its earliest event has it."""
    return (
        "(SELECT booking_id, argMin(f.route_id, (f.event_timestamp, UUIDToNum(f.event_id))) AS route_id "
        f"FROM {database}.booking_facts AS f WHERE ({condition}) AND {counted(database)} GROUP BY booking_id)"
    )
