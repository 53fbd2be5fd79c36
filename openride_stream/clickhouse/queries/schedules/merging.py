"""A few executions with what their updates made of them, merged here.

The rule is that of `executions.executions`, which merges in the store: there the statement alone takes longer
to plan, for all fields, than a page takes to read.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from openride_stream.clickhouse.client import ClickHouse, Param, Row
from openride_stream.clickhouse.queries.schedules.executions import EARLY_MS, KEPT, counted_by
from openride_stream.clickhouse.queries.schedules.span import HOUR_MS
from openride_stream.events.schedules import CARRIED, level_of

_TIMES: Final = frozenset({"scheduled_at", "started_processing_at", "completed_at"})
_OWN: Final = ("carried", "toUnixTimestamp64Milli(record_timestamp) AS record_ms")
# The order of the table is by hour, then by analytics_id.
_PLACES: Final = (
    "(toStartOfHour(started_processing_at), analytics_id) IN (SELECT toDateTime(place.1, 'UTC'), "
    "toUUID(place.2) FROM (SELECT arrayJoin(arrayZip({hours:Array(UInt32)}, {ids:Array(String)})) AS place))"
)
_IDS: Final = "analytics_id IN (SELECT toUUID(arrayJoin({ids:Array(String)})))"


async def whole_executions(store: ClickHouse, found: Mapping[str, int]) -> dict[str, Row]:
    """Executions by analytics_id, each with the fields of `KEPT` and `CARRIED`, times in ms since the epoch.

    `found` says when each one's processing started; one that is no more, or did not start then, is left out.
    """
    if not found:
        return {}
    hours = [started_ms // HOUR_MS * 3600 for started_ms in found.values()]
    params: dict[str, Param] = {"hours": hours, "ids": [*found]}
    columns = ", ".join((*map(_read, (*KEPT, *CARRIED)), *_OWN))
    reading = store.select(
        f"SELECT {columns}, toString(version) AS version FROM {store.database}.schedule_executions "
        f"PREWHERE {_PLACES} "
        f"WHERE {counted_by(store.database, 'analytics_id')}",
        params,
        compiled=False,
    )
    rows, updates = await asyncio.gather(reading, _updates(store, {"ids": [*found]}))
    return {
        row["analytics_id"]: _merged(row, updates[row["analytics_id"]])
        for row in _newest(map(_plain, rows))
        if row["started_processing_at"] == found[row["analytics_id"]]
    }


def _newest(rows: Iterable[Row]) -> Iterable[Row]:
    """One row of each execution and hour: FINAL would read whole granules of all columns for it."""
    kept: dict[tuple[str, int], Row] = {}
    for row in rows:
        key = row["analytics_id"], row["started_processing_at"] // HOUR_MS
        if key not in kept or int(row["version"]) > int(kept[key]["version"]):
            kept[key] = row
    return kept.values()


async def _updates(store: ClickHouse, params: Mapping[str, Param]) -> Mapping[str, list[Row]]:
    columns = ", ".join(("analytics_id", "event_id", *map(_read, CARRIED), *_OWN))
    rows = await store.select(
        f"SELECT {columns} FROM {store.database}.schedule_updates FINAL PREWHERE {_IDS} "
        f"WHERE {counted_by(store.database, 'event_id')}",
        params,
        compiled=False,
    )
    found = defaultdict(list)
    for row in map(_plain, rows):
        found[row["analytics_id"]].append(row)
    return found


def _read(name: str) -> str:
    return f"toUnixTimestamp64Milli({name}) AS {name}_ms" if name in _TIMES else name


def _plain(row: Row) -> Row:
    """The row with times under the names of their columns."""
    return row | {name: row.pop(f"{name}_ms") for name in _TIMES if f"{name}_ms" in row}


def _merged(row: Row, updates: Sequence[Row]) -> Row:
    """The execution; of each field the newest record counts, an update before it, then by event_id."""
    started_ms = row["started_processing_at"]
    counting = [update for update in updates if update["record_ms"] + EARLY_MS >= started_ms]
    merged = dict(row)
    unsaid = set()
    for number, name in enumerate(CARRIED):
        said = [(row["record_ms"], "", row[name])] if row["carried"] >> number & 1 else []
        said += [
            (update["record_ms"], update["event_id"], update[name])
            for update in counting
            if update["carried"] >> number & 1
        ]
        if said:
            merged[name] = max(said, key=lambda each: each[:2])[2]
        else:
            unsaid.add(name)
    if "level" in unsaid:
        merged["level"] = level_of(merged["execution_result"])
    if "total_processing_time_ms" in unsaid:
        merged["total_processing_time_ms"] = max(0, merged["completed_at"] - started_ms)
    return merged
