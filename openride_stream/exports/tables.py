"""What a query of an export may read, each as a subquery of distinct rows."""

from collections.abc import Callable, Mapping
from typing import Final

from openride_stream.clickhouse.distinct import counted, distinct_events
from openride_stream.clickhouse.queries.schedules.executions import KEPT, executions
from openride_stream.clickhouse.retention import RAW_COLUMNS, recent
from openride_stream.events.schedules import CARRIED
from openride_stream.events.topics import EVENT_TABLES

_FACTS: Final = ("user_facts", "route_facts", "booking_facts")
_VIEWS: Final = ("popular_routes", "driver_earnings", "geographic")


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


def _raw(database: str, days: int) -> str:
    # Not of the view: it has no FINAL.
    events = (distinct_events(database, domain, recent(days)) for domain in EVENT_TABLES)
    return f"({' UNION ALL '.join(f'SELECT {RAW_COLUMNS} FROM {rows}' for rows in events)})"


_RAW: Final = "events_raw"
_ROWS: Final[Mapping[str, Callable[[str, str], str]]] = {
    **dict.fromkeys(EVENT_TABLES, _events),
    "schedule_analytics": _executions,
    **dict.fromkeys(_FACTS, _facts),
    **dict.fromkeys(_VIEWS, _view),
}
TABLES: Final = frozenset({*_ROWS, _RAW})
"""What an export may read."""


def distinct_rows(database: str, table: str, raw_days: int) -> str:
    """The subquery that stands for `table`, one of `TABLES`, in an export: no event in it comes twice.

    `raw_days` is of how many days `events_raw` is.
    """
    return _raw(database, raw_days) if table == _RAW else _ROWS[table](database, table)
