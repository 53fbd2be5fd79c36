"""How long ClickHouse keeps rows: TTLs that follow the settings.

A day is sealed before its rows go: decode refuses events older than the retention (`too_late`), and the
TTL waits `SEAL_DAYS` longer, so that every accepted event has long been pre-aggregated when its row expires.
"""

from typing import Final, NamedTuple

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.events.topics import EVENT_TABLES
from openride_stream.settings import Settings

SEAL_DAYS = 7

DERIVED = ("schedule_executions", "schedule_updates")
"""What views make of `schedule_analytics`; their months are its."""

HOURS = ("schedule_hours", "schedule_marks", "schedule_builds")
"""What rounds make of those: an hour without its marks would be taken for one in which nothing started."""

ARCHIVED = (*EVENT_TABLES, "schedule_analytics", *DERIVED, *HOURS)
"""Tables whose months are archived rather than expire, where an archive is configured."""

RAW_COLUMNS: Final = (
    "event_id, event_type, event_timestamp, city, state, payload, precedence, topic, partition, offset, "
    "ingested_at"
)
"""What `events_raw` shows of an event of any type."""

_FILLED: Final = (*EVENT_TABLES, "schedule_analytics")
_TTL: Final = " TTL "


def retention_days(settings: Settings) -> dict[str, int]:
    """Days by event time that each table keeps accepting and holding events."""
    days = dict.fromkeys(EVENT_TABLES, settings.retention_events_days)
    days["location_events"] = settings.retention_location_days
    days["schedule_analytics"] = settings.retention_schedule_days
    return days


async def apply_retention(store: ClickHouse, settings: Settings, *, expire: bool = False) -> None:
    """Set the TTL of each table that is there to the setting, where it is not already so.

    Months that wait for an archive which is off go on waiting, unless they shall `expire`. The view
    `events_raw` shows as many days as its setting says.
    """
    definitions = {name: table.definition for name, table in (await _tables(store, settings)).items()}
    left = () if expire else await waiting(store, settings)
    on_cluster = f"ON CLUSTER '{settings.clickhouse_cluster}'" if settings.clickhouse_cluster else ""
    for table, (column, days) in _expiries(settings).items():
        definition = definitions.get(table)
        if definition is None or table in left:
            continue
        if settings.archive and table in ARCHIVED:
            # Its months go by `openride archive`, and not before a copy of them was read back.
            if _TTL in definition:
                await store.execute(
                    f"ALTER TABLE {settings.clickhouse_database}.{table} {on_cluster} REMOVE TTL"
                )
            continue
        if f"toIntervalDay({days})" in definition:
            continue
        await store.execute(
            f"ALTER TABLE {settings.clickhouse_database}.{table} {on_cluster} "
            f"MODIFY TTL toDateTime({column}) + toIntervalDay({days}) "
            "SETTINGS materialize_ttl_after_modify = 0"
        )
    await _show(store, settings, definitions.get("events_raw", ""), on_cluster)


async def _show(store: ClickHouse, settings: Settings, definition: str, on_cluster: str) -> None:
    database, days = settings.clickhouse_database, settings.retention_raw_days
    if definition and f"toIntervalDay({days})" not in definition:
        shown = f"SELECT {RAW_COLUMNS} FROM {database}"
        parts = (f"{shown}.{table} WHERE {recent(days)}" for table in EVENT_TABLES)
        view = f"CREATE OR REPLACE VIEW {database}.events_raw {on_cluster} AS {' UNION ALL '.join(parts)}"
        await store.execute(view)


def recent(days: int) -> str:
    """The condition on an event to be shown by `events_raw`."""
    return f"event_timestamp >= now() - toIntervalDay({days})"


async def waiting(store: ClickHouse, settings: Settings) -> tuple[str, ...]:
    """The tables whose months wait for `openride archive` although the setting is off: somebody had it on.

    A table gets its TTL before its first row: one that has rows and none is to be archived.
    """
    if settings.archive:
        return ()
    tables = await _tables(store, settings)
    found = [name for name in _FILLED if name in tables and tables[name].waits]
    return (*found, *(DERIVED + HOURS if "schedule_analytics" in found else ()))


async def expiring(store: ClickHouse, settings: Settings) -> tuple[str, ...]:
    """The tables that still expire although the setting has them archived."""
    tables = await _tables(store, settings) if settings.archive else {}
    return tuple(name for name in _FILLED if name in tables and _TTL in tables[name].definition)


class _Table(NamedTuple):
    definition: str
    rows: int

    @property
    def waits(self) -> bool:
        return self.rows > 0 and _TTL not in self.definition


async def _tables(store: ClickHouse, settings: Settings) -> dict[str, _Table]:
    rows = await store.select(
        "SELECT name, create_table_query, ifNull(total_rows, 0) AS rows FROM system.tables "
        "WHERE database = {database:String}",
        {"database": settings.clickhouse_database},
    )
    return {row["name"]: _Table(row["create_table_query"], int(row["rows"])) for row in rows}


def _expiries(settings: Settings) -> dict[str, tuple[str, int]]:
    """By table: the column that its rows age by, and after how many days they go."""
    expiries = {
        table: ("event_timestamp", days + SEAL_DAYS) for table, days in retention_days(settings).items()
    }
    schedule_days = settings.retention_schedule_days + SEAL_DAYS
    expiries |= {
        "schedule_executions": ("started_processing_at", schedule_days),
        "schedule_updates": ("event_timestamp", schedule_days),
        **{table: ("hour", schedule_days) for table in HOURS},
    }
    letters_days = settings.retention_dead_letters_days
    # A dead letter that is still in its topic must not be forgotten to have been redriven.
    return expiries | {
        "dead_letters": ("dead_lettered_at", letters_days),
        "dead_letter_redrives": ("redriven_at", 2 * letters_days),
    }
