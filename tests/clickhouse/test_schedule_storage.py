"""Executions lie by month, long texts packed, and expire when the setting says."""

from typing import Any

import orjson
import pytest

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.retention import HOURS, apply_retention
from openride_stream.clickhouse.schedule_rounds import ScheduleHours
from openride_stream.clock import rfc3339
from openride_stream.settings import Settings
from tests.clickhouse.storing import NOW_MS, ingest
from tests.exactness.executions import usual
from tests.exactness.stories import DAY_MS, uid
from tests.fixtures.clock import ManualClock

ROWS = ("schedule_analytics", "schedule_executions", "schedule_updates", "schedule_hours")
TIMES = ("scheduled_at", "started_processing_at", "completed_at")
TEXTS = ("payload", "error_message")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"retention_schedule_days": 400})


async def asked(store: ClickHouse, sql: str) -> list[dict[str, Any]]:
    return await store.select(sql, {"database": store.database, "tables": [*ROWS]})


async def test_every_table_of_executions_lies_by_month_and_packs_its_texts(store: ClickHouse) -> None:
    where = "database = {database:String} AND {column} IN {tables:Array(String)}"
    tables = await asked(
        store, f"SELECT name, partition_key FROM system.tables WHERE {where.replace('{column}', 'name')}"
    )
    assert {row["name"] for row in tables} == {*ROWS}
    for row in tables:
        assert row["partition_key"].startswith("toYYYYMM("), row
    columns = await asked(
        store,
        "SELECT table, name, compression_codec AS codec FROM system.columns "
        f"WHERE {where.replace('{column}', 'table')} AND type = 'String'",
    )
    packed = {(row["table"], row["name"]): row["codec"] for row in columns if row["name"] in TEXTS}
    assert len(packed) == 5
    assert all("ZSTD" in codec for codec in packed.values()), packed


async def test_what_is_older_than_the_setting_says_expires_everywhere(
    store: ClickHouse, settings: Settings
) -> None:
    ago_days = (1, 30, 60, 200)
    records = [
        orjson.dumps(
            usual(analytics_id=uid(7, days), **dict.fromkeys(TIMES, rfc3339(NOW_MS - days * DAY_MS)))
        )
        for days in ago_days
    ]
    # After 50 days nothing of a day is taken any more, and a week later it goes.
    await apply_retention(store, settings.model_copy(update={"retention_schedule_days": 50}))
    await ingest(store, settings, {"openride.schedules.redis": records})
    await ScheduleHours(store, ManualClock(NOW_MS)).build()
    for table in ("schedule_analytics", "schedule_executions", *HOURS):
        await store.execute(f"OPTIMIZE TABLE {store.database}.{table} FINAL")
    for table in ("schedule_analytics", "schedule_executions", "schedule_hours"):
        assert await left(store, table) == 2, table


async def left(store: ClickHouse, table: str) -> int:
    rows = await store.select(f"SELECT count() AS n FROM {store.database}.{table}")
    return int(rows[0]["n"])
