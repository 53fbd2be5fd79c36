"""The schema: what migrations make is what the code needs, once, whoever starts first."""

import asyncio
import re

import orjson
import pytest

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.hour_looks import Hours
from openride_stream.clickhouse.migrate import current_version, migrate
from openride_stream.clickhouse.migrations import all_migrations, head
from openride_stream.clickhouse.preaggregations import ALL
from openride_stream.clickhouse.queries.schedules.pages import Search, page
from openride_stream.clickhouse.retention import RAW_COLUMNS, SEAL_DAYS, retention_days
from openride_stream.clock import SystemClock
from openride_stream.errors import Fatal
from openride_stream.events.topics import TOPICS
from openride_stream.exports.query import prepare
from openride_stream.settings import Settings
from tests.fixtures.store import settings_for

(SEEN,) = (migration for migration in all_migrations() if migration.name == "seen")
CONTRACT_TABLES = {
    *(topic.table for topic in TOPICS),
    "events_raw",
    "daily_users",
    "daily_bookings",
    "daily_payments",
    "daily_trips",
    "hourly_activity",
    "popular_routes",
    "driver_earnings",
    "geographic",
}


# What these drop is computed from events, by the next rounds.
REBUILT = {"rows_of_days"}


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [migration.version for migration in all_migrations()] == list(range(1, head() + 1))


def test_no_migration_drops_or_renames_anything_but_what_rounds_compute_anew() -> None:
    for migration in all_migrations():
        taken = re.findall(r"\b(?:DROP|RENAME|TRUNCATE)\b[^;]*", migration.template)
        assert not taken or migration.name in REBUILT, (migration.name, taken)


async def test_every_table_of_the_contract_exists(store: ClickHouse) -> None:
    rows = await store.select(
        "SELECT name FROM system.tables WHERE database = {d:String}", {"d": store.database}
    )
    assert {row["name"] for row in rows} >= CONTRACT_TABLES


async def test_pre_aggregation_tables_have_the_columns_of_their_definitions(store: ClickHouse) -> None:
    for preaggregation in ALL:
        rows = await store.select(
            "SELECT name FROM system.columns WHERE database = {d:String} AND table = {t:String}",
            {"d": store.database, "t": preaggregation.table},
        )
        assert [row["name"] for row in rows] == ["day", "generation", *preaggregation.columns()]


async def test_a_second_run_changes_nothing(store: ClickHouse, settings: Settings) -> None:
    assert await migrate(store, settings) == []
    assert await current_version(store, store.database) == head()


async def test_of_several_at_once_one_applies(clickhouse_url: str) -> None:
    settings = settings_for(clickhouse_url)
    store = ClickHouse.open(settings)
    try:
        applied = await asyncio.gather(*(migrate(store, settings) for _ in range(3)))
        assert sorted(len(done) for done in applied) == [0, 0, head()]
    finally:
        await store.execute(f"DROP DATABASE {store.database} SYNC")
        await store.close()


async def test_a_schema_newer_than_the_program_is_refused(store: ClickHouse, settings: Settings) -> None:
    await store.execute(f"INSERT INTO {store.database}.schema_migrations (version, name) VALUES (999, 'x')")
    with pytest.raises(Fatal, match="999"):
        await migrate(store, settings)


async def test_retention_follows_the_settings(store: ClickHouse, settings: Settings) -> None:
    shorter = settings.model_copy(update={"retention_location_days": 3, "retention_dead_letters_days": 11})
    await migrate(store, shorter)
    rows = await store.select(
        "SELECT name, create_table_query AS ddl FROM system.tables WHERE database = {d:String}",
        {"d": store.database},
    )
    ddl = {row["name"]: row["ddl"] for row in rows}
    for table, days in retention_days(shorter).items():
        assert f"toIntervalDay({days + SEAL_DAYS})" in ddl[table]
    assert "TTL toDateTime(dead_lettered_at) + toIntervalDay(11)" in ddl["dead_letters"]
    # Who is still in its topic must be known to have been redriven.
    assert "TTL toDateTime(redriven_at) + toIntervalDay(22)" in ddl["dead_letter_redrives"]


async def test_events_raw_shows_the_days_of_its_setting_and_so_do_exports_of_it(
    store: ClickHouse, settings: Settings
) -> None:
    await store.execute(
        f"INSERT INTO {store.database}.user_events (event_id, event_type, event_timestamp, payload) "
        "SELECT generateUUIDv4(), 'user.activity', now() - 60 - 864000 * number, '{}' FROM numbers(20)"
    )
    for days, shown in ((90, 9), (35, 4), (400, 20), (90, 9)):
        await migrate(store, settings.model_copy(update={"retention_raw_days": days}))
        exported = prepare("SELECT event_id FROM events_raw", {}, store.database, 1_000, days).sql
        for rows in (f"{store.database}.events_raw", f"({exported})"):
            (row,) = await store.select(f"SELECT count() AS n FROM {rows}")
            assert row["n"] == shown, (rows, days)
    columns = await store.select(f"DESCRIBE TABLE {store.database}.events_raw")
    assert ", ".join(column["name"] for column in columns) == RAW_COLUMNS


def test_a_cluster_gets_replicated_engines() -> None:
    settings = Settings(_env_file=None, clickhouse_cluster="main")
    statements = [s for migration in all_migrations() for s in migration.statements(settings)]
    tables = [s for s in statements if s.startswith("CREATE TABLE")]
    assert all("ON CLUSTER 'main'" in s for s in statements if not s.startswith("INSERT"))
    assert all("ENGINE = Replicated" in s for s in tables)


async def test_builds_of_days_whose_events_may_have_expired_are_kept(
    clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(clickhouse_url, retention_events_days=400, retention_location_days=30)
    store = ClickHouse.open(settings)
    before = tuple(migration for migration in all_migrations() if migration.version < SEEN.version)
    with monkeypatch.context() as patched:
        patched.setattr("openride_stream.clickhouse.migrate.all_migrations", lambda: before)
        patched.setattr("openride_stream.clickhouse.migrate.head", lambda: before[-1].version)
        await migrate(store, settings)
    kept = [("user_days/", age) for age in (20, 40)] + [("daily_users.", age) for age in (20, 40)]
    values = ", ".join(
        f"('{family}{source}', today() - {age}, {seen}, {seen})"
        for family, age in kept
        for source in ("location_events", "trip_events")
        for seen in (1, 2)
    )
    columns = "preaggregation, day, marks_seen, generation"
    await store.execute(f"INSERT INTO {store.database}.day_builds ({columns}) VALUES {values}")
    await migrate(store, settings)
    rows = await store.select(
        "SELECT preaggregation, dateDiff('day', day, today()) AS age, marks_seen, generation "
        f"FROM {store.database}.day_builds WHERE preaggregation LIKE 'user_days.%' "
        "OR preaggregation LIKE 'active_users.%' ORDER BY preaggregation"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("active_users.location_events", 40, 2, 2),
        ("user_days.location_events", 40, 2, 2),
    ]
    await store.execute(f"DROP DATABASE {store.database} SYNC")
    await store.close()


async def test_schedule_executions_of_before_are_read_as_those_of_after(
    clickhouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(clickhouse_url)
    store = ClickHouse.open(settings)
    (own,) = (each.version for each in all_migrations() if each.name == "schedule_executions")
    before = tuple(each for each in all_migrations() if each.version < own)
    with monkeypatch.context() as patched:
        patched.setattr("openride_stream.clickhouse.migrate.all_migrations", lambda: before)
        patched.setattr("openride_stream.clickhouse.migrate.head", lambda: before[-1].version)
        await migrate(store, settings)
    started_ms = SystemClock().now_ms() - 60_000
    identity = "00000000-0000-4000-8000-000000000001"
    row = {"analytics_id": identity, "schedule_type": "mongo_periodic", "topic": "t", "partition": 0}
    execution = {
        **row,
        **{"event_id": identity, "record_timestamp": started_ms + 900, "event_timestamp": started_ms},
        **{"schedule_id": "payouts", "event_type": "payment", "event_action": "payout", "level": "info"},
        **{"correlation_id": "c", "scheduled_at": started_ms, "started_processing_at": started_ms},
        **{"completed_at": started_ms + 7, "total_processing_time_ms": 7, "execution_result": "success"},
        **{"payload": "{}", "offset": 1},
    }
    update = {
        **row,
        **{"event_id": identity.replace("01", "02"), "is_update": True, "payload": "{1}", "offset": 2},
        **{"record_timestamp": started_ms + 950, "event_timestamp": started_ms + 950},
        **{"execution_result": "failure", "level": "error"},
    }
    for each in (execution, update, execution):
        await store.insert(f"{store.database}.schedule_analytics", orjson.dumps(each))
    await migrate(store, settings)
    found = await page(store, Hours(store), Search(0, started_ms + 1, started_ms, 9, schedule_id="payouts"))
    (shown,) = found["executions"]
    assert (shown["execution_result"], shown["level"]) == ("failure", "error")
    assert (shown["total_processing_time_ms"], shown["error_message"]) == (7, None)
    identities = await store.select(f"SELECT count() AS ids FROM {store.database}.event_identities FINAL")
    assert identities == [{"ids": 2}]
    await store.execute(f"DROP DATABASE {store.database} SYNC")
    await store.close()
