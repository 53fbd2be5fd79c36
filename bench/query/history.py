"""Half a year of a platform, made in the store itself: as many events as are asked for, in minutes.

Identities, moments and amounts are functions of a number, so that two histories of the same size are equal
but for when they end. Rows are inserted into the domain tables as a sink would, views and all; their days are
marked, and built by the application's own rounds.
"""

from collections.abc import Callable
from typing import Final

from bench.query.kinds import Kind, Size, kinds
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.events.topics import EVENT_TABLES

_MOST_ROWS: Final = 1_000_000
"""Of one statement: memory is bounded by it."""
_INSERT_TIMEOUT_S: Final = 600.0
_PADDING: Final = 100


async def fill(store: ClickHouse, events: int, end_ms: int, tell: Callable[[str], None]) -> int:
    """Make the history that ends at `end_ms` (since the epoch); returns how many rows it has."""
    for kind in kinds(Size(events), end_ms):
        for first in range(0, kind.count, _MOST_ROWS):
            rows = min(_MOST_ROWS, kind.count - first)
            await store.execute(_insert(store.database, kind, first, rows), timeout_s=_INSERT_TIMEOUT_S)
        tell(f"{kind.event_type}: made")
    total = 0
    for table in EVENT_TABLES:
        await store.execute(
            f"INSERT INTO {store.database}.day_marks SELECT DISTINCT '{table}' AS source, "
            f"toDate(event_timestamp) AS day, 1 AS marks FROM {store.database}.{table}"
        )
        total += (await store.select(f"SELECT count() AS rows FROM {store.database}.{table}"))[0]["rows"]
    return total


def _insert(database: str, kind: Kind, first: int, rows: int) -> str:
    columns = {
        "event_id": f"reinterpret(MD5(concat('{kind.event_type}', toString(n))), 'UUID')",
        "event_type": f"'{kind.event_type}'",
        "event_timestamp": f"fromUnixTimestamp64Milli(toInt64({kind.at_ms}), 'UTC')",
        **kind.fields,
        "payload": _document("event_id", *kind.fields),
        "topic": "'history'",
        "partition": "n % 8",
        "offset": "n",
    }
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    return (
        f"INSERT INTO {database}.{kind.table} ({', '.join(columns)}) SELECT {selected} "
        f"FROM (SELECT number AS n FROM numbers({first}, {rows})) WHERE {kind.condition}"
    )


def _document(*names: str) -> str:
    """A JSON object of columns, all of them as strings, and what a real event has besides."""
    pieces = [f"""'"{name}":"', toString({name}), '",'""" for name in names]
    return f"""concat('{{', {", ".join(pieces)}, '"padding":"{"x" * _PADDING}"}}')"""
