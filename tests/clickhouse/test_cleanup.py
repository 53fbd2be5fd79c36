"""Old schedule executions go, and nothing else does."""

from typing import Any

import orjson
import pytest

from openride_stream.clickhouse.cleanup import DAY_MS, clean_up, cleaned_before_ms
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import rfc3339
from openride_stream.settings import Settings
from tests.clickhouse.storing import NOW_MS, ingest
from tests.exactness.executions import usual
from tests.exactness.stories import uid
from tests.fixtures.clock import ManualClock

TOPIC = "openride.schedules.redis"
TODAY_MS = NOW_MS // DAY_MS * DAY_MS
CLOCK = ManualClock(NOW_MS)
# By how many days before today's midnight they started; what is a day and more ahead was never accepted.
STARTED_DAYS = (-0.5, 0, 1, 29.5, 30, 30.001, 45, 75, 85)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"retention_schedule_days": 400})


def execution(number: int, started_ms: float) -> bytes:
    started = rfc3339(int(started_ms))
    return orjson.dumps(
        usual(analytics_id=uid(7, number), started_processing_at=started, completed_at=started)
    )


async def stored(store: ClickHouse, table: str, column: str) -> list[str]:
    rows = await store.select(
        f"SELECT DISTINCT toString({column}) AS id FROM {store.database}.{table} FINAL ORDER BY id"
    )
    return [row["id"] for row in rows]


async def test_what_started_before_the_days_to_keep_goes_and_is_on_record(
    store: ClickHouse, settings: Settings
) -> None:
    records = [execution(number, TODAY_MS - days * DAY_MS) for number, days in enumerate(STARTED_DAYS)]
    update = {"update": True, "analytics_id": uid(7, 8), "event_id": uid(6, 1), "retry_count": 1}
    await ingest(store, settings, {TOPIC: [*records, records[6], orjson.dumps(update)]})
    kept = sorted(uid(7, number) for number, days in enumerate(STARTED_DAYS) if days <= 30)

    would = await clean_up(store, CLOCK, 30, "me", dry_run=True)
    assert would.executions == len(STARTED_DAYS) - len(kept) == 4
    assert len(await stored(store, "schedule_executions", "analytics_id")) == len(STARTED_DAYS)
    assert await cleaned_before_ms(store) == 0

    assert await clean_up(store, CLOCK, 30, "me", dry_run=False) == would
    assert would.before_ms == TODAY_MS - 30 * DAY_MS
    assert would.months  # 85 days ago lies two months back, whatever today is
    assert await stored(store, "schedule_executions", "analytics_id") == kept
    # The update is of today: it waits for what may be sent again.
    assert await stored(store, "schedule_analytics", "event_id") == sorted([*kept, uid(6, 1)])
    assert await stored(store, "schedule_updates", "event_id") == [uid(6, 1)]
    steps = await store.select(
        f"SELECT step, who, executions FROM {store.database}.schedule_cleanups ORDER BY step"
    )
    assert [(row["step"], row["who"], row["executions"]) for row in steps] == [
        ("began", "me", 4),
        ("done", "me", 4),
    ]
    assert await cleaned_before_ms(store) == would.before_ms

    # What is sent again is there again, as the first time.
    await ingest(store, settings, {TOPIC: [records[8]]})
    assert await stored(store, "schedule_executions", "analytics_id") == sorted([*kept, uid(7, 8)])


async def test_a_cleanup_that_finds_nothing_deletes_nothing(store: ClickHouse, settings: Settings) -> None:
    await ingest(store, settings, {TOPIC: [execution(1, TODAY_MS - DAY_MS)]})
    found: Any = await clean_up(store, CLOCK, 1, "me", dry_run=False)
    assert (found.executions, found.months) == (0, ())
    assert await stored(store, "schedule_executions", "analytics_id") == [uid(7, 1)]
