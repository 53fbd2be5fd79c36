"""What an update has to know of its execution."""

from dataclasses import dataclass

from openride_stream.clickhouse.client import ClickHouse


@dataclass(frozen=True, slots=True)
class Known:
    """`newest_ms` is the newest record timestamp of the execution and its updates, since the epoch."""

    schedule_type: str
    schedule_id: str
    newest_ms: int


async def known_execution(store: ClickHouse, analytics_id: str) -> Known | None:
    """The execution that `analytics_id` names; None when none is stored."""
    database = store.database
    rows = await store.select(
        "SELECT count() AS found, argMax(schedule_type, version) AS schedule_type, "
        "argMax(schedule_id, version) AS schedule_id, toUnixTimestamp64Milli(greatest(max(record_timestamp), "
        f"(SELECT max(record_timestamp) FROM {database}.schedule_updates WHERE analytics_id = {{id:UUID}}))) "
        f"AS newest_ms FROM {database}.schedule_executions WHERE analytics_id = {{id:UUID}}",
        {"id": analytics_id},
    )
    row = rows[0]
    return Known(row["schedule_type"], row["schedule_id"], row["newest_ms"]) if row["found"] else None
