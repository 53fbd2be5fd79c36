"""What a query of an export may read, each as a subquery of distinct rows."""

from collections.abc import Callable, Mapping
from typing import Final

from openride_stream.clickhouse.distinct import counted, distinct_events
from openride_stream.clickhouse.queries.schedules.executions import KEPT, executions
from openride_stream.events.schedules import CARRIED

_DOMAIN: Final = (
    "user_events",
    "booking_events",
    "payment_events",
    "trip_events",
    "route_events",
    "location_events",
)
_FACTS: Final = ("user_facts", "route_facts", "booking_facts")
_VIEWS: Final = ("popular_routes", "driver_earnings", "geographic")
_RAW_COLUMNS: Final = (
    "event_id, event_type, event_timestamp, city, state, payload, precedence, topic, partition, offset, "
    "ingested_at"
)
_RAW_DAYS: Final = 90


def _events(database: str, table: str) -> str:
    return distinct_events(database, table, "1")


def _executions(database: str, table: str) -> str:
    # An update is no execution: it is what the fields say that it changed.
    del table
    rows = executions(database, "1", (*KEPT, *CARRIED), since="0")
    return f"(SELECT *, started_processing_at AS event_timestamp FROM {rows})"


def _facts(database: str, table: str) -> str:
    # A fact is one event's statement: contents that lost make none.
    return f"(SELECT * FROM {database}.{table} FINAL WHERE {counted(database)})"


def _view(database: str, table: str) -> str:
    return f"(SELECT * FROM {database}.{table})"


def _raw(database: str, table: str) -> str:
    del table
    recent = f"event_timestamp >= now() - toIntervalDay({_RAW_DAYS})"
    parts = (f"SELECT {_RAW_COLUMNS} FROM {distinct_events(database, domain, recent)}" for domain in _DOMAIN)
    return f"({' UNION ALL '.join(parts)})"


TABLES: Final[Mapping[str, Callable[[str, str], str]]] = {
    **dict.fromkeys(_DOMAIN, _events),
    "schedule_analytics": _executions,
    **dict.fromkeys(_FACTS, _facts),
    **dict.fromkeys(_VIEWS, _view),
    "events_raw": _raw,
}
"""By name, the SQL of its distinct rows in a database, in brackets."""


def distinct_rows(database: str, table: str) -> str:
    """The subquery that stands for `table`, one of `TABLES`, in an export: no event in it comes twice."""
    return TABLES[table](database, table)
