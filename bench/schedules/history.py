"""A month of a three-tier scheduler, made in the store itself: as many executions as are asked for.

Identities, moments and outcomes are functions of a number, so that two histories of the same size are equal
but for when they end. Rows are inserted into `schedule_analytics` as a sink would, views and all, in order of
time; their hours are marked, and built by the application's own rounds.
"""

from collections.abc import Callable
from typing import Final

from bench.schedules.kinds import EXECUTIONS_A_CHAIN, chains, execution_columns, update_columns
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.hours import HOUR_MS, mark_hours

DAYS: Final = 30
_CHAINS_AT_ONCE: Final = 200_000
"""Of one statement: memory is bounded by it."""
_INSERT_TIMEOUT_S: Final = 600.0


async def fill(store: ClickHouse, executions: int, end_ms: int, tell: Callable[[str], None]) -> int:
    """Make the history that ends at `end_ms` (since the epoch); returns how many executions it has."""
    count = max(executions * 1_000 // EXECUTIONS_A_CHAIN, 1)
    begin_ms = end_ms - DAYS * 24 * HOUR_MS
    for first in range(0, count, _CHAINS_AT_ONCE):
        number = min(_CHAINS_AT_ONCE, count - first)
        source = chains(first, number, count, begin_ms, end_ms)
        for columns, condition in (
            (execution_columns(), "1"),
            (update_columns(), f"updated AND update_ms < {end_ms}"),
        ):
            selected = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
            await store.execute(
                f"INSERT INTO {store.database}.schedule_analytics ({', '.join(columns)}) "
                f"SELECT {selected} FROM ({source}) WHERE at_ms < {end_ms} AND {condition}",
                timeout_s=_INSERT_TIMEOUT_S,
            )
        tell(f"{first + number:,} of {count:,} due times made")
    touched = await store.select(
        "SELECT DISTINCT toUnixTimestamp(toStartOfHour(event_timestamp)) AS at_s "
        f"FROM {store.database}.schedule_analytics",
        bounded=False,
    )
    await mark_hours(store, {row["at_s"] * 1000 // HOUR_MS for row in touched})
    rows = await store.select(f"SELECT count() AS rows FROM {store.database}.schedule_executions")
    return int(rows[0]["rows"])
