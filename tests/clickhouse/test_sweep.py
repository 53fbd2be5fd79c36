"""Builds that were replaced stay for those who still read them, and then go."""

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.preaggregations import USER_DAYS
from openride_stream.clickhouse.reconcile import Reconciler
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings
from tests.fixtures.clock import ManualClock

KEPT = USER_DAYS[0]
DAY = 20_000
OLD, NEW, NEVER_DONE = 1_000, 2_000, 1_500


async def build(store: ClickHouse, generation: int, marks_seen: int, minutes_ago: int) -> None:
    columns = "preaggregation, day, marks_seen, generation, built_at"
    values = f"'{KEPT.name}', toDate({DAY}), {marks_seen}, {generation}, now64(3) - {minutes_ago} * 60"
    await store.execute(f"INSERT INTO {store.database}.day_builds ({columns}) VALUES ({values})")


async def generations(store: ClickHouse, table: str) -> list[int]:
    rows = await store.select(
        f"SELECT DISTINCT generation FROM {store.database}.{table} "
        f"WHERE day = toDate({DAY}) ORDER BY generation"
    )
    return [row["generation"] for row in rows]


async def test_what_was_replaced_goes_ten_minutes_after_its_successor(
    store: ClickHouse, settings: Settings, clock: ManualClock
) -> None:
    rounds = Reconciler(store, Metrics(), clock, settings)
    for generation in (OLD, NEVER_DONE, NEW):
        await store.execute(
            f"INSERT INTO {store.database}.user_days (day, generation, source, user_id) "
            f"SELECT toDate({DAY}), {generation}, '{KEPT.source}', generateUUIDv4()"
        )
    await build(store, OLD, 1, minutes_ago=60)
    await build(store, NEW, 2, minutes_ago=1)
    clock.advance(601)
    await rounds.run()
    assert await generations(store, "user_days") == [OLD, NEW], "somebody may have planned with the old one"
    await build(store, NEW, 2, minutes_ago=11)
    await store.execute(
        f"DELETE FROM {store.database}.day_builds WHERE built_at > now64(3) - toIntervalMinute(10) "
        f"AND preaggregation = '{KEPT.name}'"
    )
    clock.advance(601)
    await rounds.run()
    assert await generations(store, "user_days") == [NEW]
    assert await generations(store, "day_builds") == [NEW]
