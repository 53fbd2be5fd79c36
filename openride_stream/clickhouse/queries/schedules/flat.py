"""Executions as builds of hours have them, found from what was stored."""

from collections.abc import Mapping, Sequence
from typing import Final

from openride_stream.clickhouse.queries.schedules.executions import executions
from openride_stream.clickhouse.queries.schedules.masks import pattern_sql

_FOUND: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "pattern": (f"if(level = 'error', {pattern_sql('error_message')}, '')", ("level", "error_message")),
    "retry_count": ("ifNull(retry_count, 0)", ("retry_count",)),
    "completed_at": ("assumeNotNull(completed_at)", ("completed_at",)),
    **{
        name: (f"CAST({name} AS LowCardinality(String))", (name,))
        for name in ("execution_result", "level", "processed_by_node")
    },
}
"""SQL of a field of a build, and the fields that it is made from; all others are those of `executions`."""

COLUMNS: Final = (
    *("analytics_id", "schedule_type", "schedule_id", "schedule_name", "event_type", "correlation_id"),
    *("scheduled_at", "started_processing_at", "completed_at", "execution_result", "level"),
    *("retry_count", "waited", "total_processing_time_ms", "processed_by_node", "error_message", "pattern"),
)
"""The fields of a build, in the order of its table."""


def flat_executions(
    database: str, condition: str, columns: Sequence[str], *, since_ms: int, levelled: bool = False
) -> str:
    """A subquery of stored executions that meet `condition`, with `columns` of `COLUMNS`.

    `condition` and `levelled` are those of `executions`; nothing that meets the condition started before
    `since_ms` (since the epoch).
    """
    needed = [name for column in columns for name in _FOUND.get(column, ("", (column,)))[1]]
    shown = ", ".join(f"{_FOUND[name][0]} AS {name}" if name in _FOUND else name for name in columns)
    rows = executions(database, condition, [*dict.fromkeys(needed)], since=str(since_ms), levelled=levelled)
    # Under an alias of its own a field would be found in the fields that others are made from.
    return f"(SELECT {shown} FROM {rows} SETTINGS prefer_column_name_to_alias = 1)"
