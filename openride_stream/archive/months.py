"""Rows of a month in ClickHouse: which months there are, what they come to, how they are written."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from openride_stream.archive.manifest import Content
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.retention import SEAL_DAYS, retention_days
from openride_stream.events.topics import EVENT_TABLES
from openride_stream.settings import Settings

TABLES: Final = (*EVENT_TABLES, "schedule_analytics")
TIMEOUT_S: Final = 3_600.0
Columns = Sequence[tuple[str, str]]


def over_before(settings: Settings, table: str, now_ms: int) -> date:
    """The day up to which (not included) nothing of a table is accepted any more, with a week to spare."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    return today - timedelta(days=retention_days(settings)[table] + SEAL_DAYS)


def last_day(month: int) -> date:
    """The last day of a month (YYYYMM)."""
    following = date(month // 100 + month % 100 // 12, month % 100 % 12 + 1, 1)
    return following - timedelta(days=1)


async def months_of(store: ClickHouse, table: str) -> dict[int, int]:
    """The months (YYYYMM) that have rows in ClickHouse, and how many rows are stored for each."""
    rows = await store.select(
        "SELECT toUInt32(partition) AS month, sum(rows) AS stored FROM system.parts "
        "WHERE database = {database:String} AND table = {table:String} AND active AND rows > 0 "
        "GROUP BY month",
        {"database": store.database, "table": table},
        bounded=False,
    )
    return {row["month"]: int(row["stored"]) for row in sorted(rows, key=lambda row: row["month"])}


async def columns_of(store: ClickHouse, table: str) -> Columns:
    """Names and types of a table's columns, in order."""
    rows = await store.select(
        "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {table:String} "
        "ORDER BY position",
        {"database": store.database, "table": table},
    )
    return [(row["name"], row["type"]) for row in rows]


async def content_of(
    store: ClickHouse, table: str, columns: Columns, condition: str = "1", *, collapsed: bool = True
) -> Content:
    """What the rows that meet `condition` come to; `collapsed` without those that are there twice."""
    final = "FINAL " if collapsed else ""
    values = ", ".join(part for name, kind in columns for part in _values(name, kind))
    rows = await store.select(
        f"SELECT count() AS rows, hex(sum(cityHash64({values}))) AS a, "
        f"hex(groupBitXor(sipHash64({values}))) AS b, "
        "toUnixTimestamp64Milli(min(event_timestamp)) AS first_ms, "
        f"toUnixTimestamp64Milli(max(event_timestamp)) AS last_ms FROM {store.database}.{table} {final}"
        f"WHERE {condition}",
        timeout_s=TIMEOUT_S,
        bounded=False,
    )
    row = rows[0]
    return Content(int(row["rows"]), f"{row['a']}-{row['b']}".lower(), row["first_ms"], row["last_ms"])


def of_month(month: int) -> str:
    """The condition of a month's rows."""
    return f"toYYYYMM(event_timestamp) = {month}"


def of_day(day: str) -> str:
    """The condition of a day's rows."""
    return f"toDate(event_timestamp) = toDate('{day}')"


async def days_of(store: ClickHouse, table: str, month: int) -> list[str]:
    """The days (ISO) of a month that have rows."""
    rows = await store.select(
        f"SELECT DISTINCT toString(toDate(event_timestamp)) AS day FROM {store.database}.{table} "
        f"WHERE {of_month(month)} ORDER BY day",
        bounded=False,
        timeout_s=TIMEOUT_S,
    )
    return [row["day"] for row in rows]


def written(store: ClickHouse, table: str, columns: Columns, condition: str) -> str:
    """SELECT of rows as they are archived: ids as text, so that whoever reads Parquet can read them."""
    cells = ", ".join(
        f"toString({name}) AS {name}" if unwrapped(kind) == "UUID" else name for name, kind in columns
    )
    return (
        f"SELECT {cells} FROM (SELECT * FROM {store.database}.{table} FINAL WHERE {condition}) "
        "ORDER BY event_timestamp, event_id, precedence"
    )


def unwrapped(kind: str) -> str:
    """A type without Nullable."""
    return kind.removeprefix("Nullable(").removesuffix(")") if kind.startswith("Nullable(") else kind


def _values(name: str, kind: str) -> tuple[str, ...]:
    # The hash of a null is null, whatever stands beside it.
    if kind.startswith("Nullable("):
        # In quotes: DateTime64(3, 'UTC').
        bare = unwrapped(kind).replace("'", "\\'")
        return (f"isNull({name})", f"ifNull({name}, defaultValueOfTypeName('{bare}'))")
    return (name,)
