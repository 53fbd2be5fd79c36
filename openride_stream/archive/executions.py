"""What views and rounds make of `schedule_analytics` leaves with its month."""

from typing import Final

from openride_stream.archive.months import TIMEOUT_S, last_day, of_month
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.hours import mark_hours
from openride_stream.clickhouse.queries.schedules.executions import EARLY_MS

SOURCE: Final = "schedule_analytics"


class DerivedExecutions:
    """Executions, updates and built hours of a month. `on_cluster` is the clause of what alters tables."""

    def __init__(self, store: ClickHouse, on_cluster: str) -> None:
        self._store = store
        self._on_cluster = on_cluster

    async def leave(self, month: int, leaving: str) -> None:
        """Delete what was made of the rows in `leaving`; what came in since is there still."""
        started = f"toYYYYMM(started_processing_at) = {month}"
        hours = await self._hours(leaving, month)
        await self._drop_partition("schedule_executions", month)
        # Updates of the month's last days may be those of executions of the next one.
        following = (
            f"SELECT analytics_id FROM {self._at('schedule_executions')} WHERE NOT {started} "
            f"AND started_processing_at >= toDateTime('{last_day(month)} 00:00:00', 'UTC') "
            f"AND started_processing_at < toDateTime('{last_day(month)} 00:00:00', 'UTC') "
            f"+ toIntervalMillisecond({EARLY_MS + 86_400_000})"
        )
        await self._store.execute(
            f"DELETE FROM {self._at('schedule_updates')} WHERE {of_month(month)} "
            f"AND analytics_id NOT IN ({following})",
            timeout_s=TIMEOUT_S,
        )
        # What came in since is there still: once more, for the views to make theirs of it.
        source = self._at(SOURCE)
        await self._store.execute(
            f"INSERT INTO {source} SELECT * FROM {source} WHERE {of_month(month)}", timeout_s=TIMEOUT_S
        )
        # Touched, so that no build of before, or that is under way, counts for anything.
        await mark_hours(self._store, hours)
        await self._drop_partition("schedule_hours", month)

    async def _hours(self, table: str, month: int) -> list[int]:
        rows = await self._store.select(
            "SELECT DISTINCT toUInt32(intDiv(toUnixTimestamp64Milli(event_timestamp), 3600000)) AS hour "
            f"FROM {self._at(table)} WHERE {of_month(month)}",
            bounded=False,
            timeout_s=TIMEOUT_S,
        )
        return [row["hour"] for row in rows]

    async def _drop_partition(self, table: str, month: int) -> None:
        await self._store.execute(
            f"ALTER TABLE {self._at(table)} {self._on_cluster} DROP PARTITION {month}", timeout_s=TIMEOUT_S
        )

    def _at(self, table: str) -> str:
        return f"{self._store.database}.{table}"
