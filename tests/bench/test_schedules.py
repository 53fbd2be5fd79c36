"""What `openride bench schedules` is made of: a history that is one, and questions about everything."""

import time
from datetime import UTC, datetime

import pytest

from bench.schedules.feed import backlog
from bench.schedules.history import DAYS, fill
from bench.schedules.kinds import RARE_TYPE, SCHEDULES
from bench.schedules.questions import BASE, questions
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.hours import HOUR_MS, dirty_hours
from openride_stream.clickhouse.schedule_rounds import ScheduleHours
from openride_stream.clock import SystemClock
from openride_stream.events.decode import decode
from openride_stream.events.records import RecordBatch
from tests.events.batches import POLICY, FakeRecord
from web.registry import all_endpoints

NOW_MS = time.time_ns() // 1_000_000


async def test_a_history_is_a_month_of_schedules_that_fail_are_tried_again_and_updated(
    store: ClickHouse,
) -> None:
    rows = await fill(store, 20_000, NOW_MS, lambda _: None)
    assert rows == pytest.approx(20_000, rel=0.03)
    (found,) = await store.select(
        "SELECT uniqExact(analytics_id) AS ids, uniqExact(schedule_id) AS schedules, "
        "uniqExact(schedule_type) AS tiers, countIf(level = 'error') / count() AS errors, "
        f"countIf(event_type = '{RARE_TYPE}') AS rare, max(retry_count) AS tries, "
        "min(scheduled_at) >= fromUnixTimestamp64Milli({begin:Int64}, 'UTC') "
        "AND max(started_processing_at) < fromUnixTimestamp64Milli({end:Int64}, 'UTC') AS within FROM "
        f"{store.database}.schedule_executions",
        {"begin": NOW_MS - DAYS * 24 * HOUR_MS, "end": NOW_MS},
    )
    assert (found["ids"], found["schedules"], found["tiers"]) == (rows, SCHEDULES, 3)
    assert (found["tries"], found["within"]) == (2, 1)
    assert 0.01 < found["errors"] < 0.1
    assert 0 < found["rare"] < rows / 100
    (updates,) = await store.select(f"SELECT count() AS rows FROM {store.database}.schedule_updates")
    assert updates["rows"] == pytest.approx(rows / 50, rel=0.3)
    await ScheduleHours(store, SystemClock()).build()
    assert all(touched.hour >= NOW_MS // HOUR_MS for touched in await dirty_hours(store))


def test_everything_that_reads_is_asked() -> None:
    asked = questions(datetime.now(UTC))
    declared = {each.path for each in all_endpoints() if each.method == "GET" and each.path.startswith(BASE)}
    assert set(asked) == declared
    assert all(question.of == path for path, each in asked.items() for question in each)


def test_what_arrives_is_accepted() -> None:
    by_topic: dict[str, list[FakeRecord]] = {}
    for payload in backlog(500):
        by_topic.setdefault(payload.topic, []).append(FakeRecord(payload.value, timestamp=NOW_MS))
    assert len(by_topic) == 3
    for topic, records in by_topic.items():
        decoded = decode(RecordBatch(topic, 0, records), POLICY, NOW_MS)
        assert decoded.rejects == []
        assert sum("is_update" in row for row in decoded.rows) > 0
