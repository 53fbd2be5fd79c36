"""Old schedule executions go, and nothing else does."""

import asyncio
import time
from itertools import count
from typing import Any

import orjson
import pytest

from bench.schedules.history import fill
from openride_stream.clickhouse.cleanup import DAY_MS, clean_up, cleaned_before_ms
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import SystemClock, rfc3339
from openride_stream.settings import Settings
from tests.clickhouse.storing import NOW_MS, ingest
from tests.exactness.executions import usual
from tests.exactness.stories import uid
from tests.fixtures.clock import ManualClock

TOPIC = "openride.schedules.redis"
TODAY_MS = NOW_MS // DAY_MS * DAY_MS
CLOCK = ManualClock(NOW_MS)
HELD_UP_S = 1.0
"""What a flush may take longer beside a clean-up: both want the same processors."""
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


class Arrivals:
    """Executions of now that come in one flush after the other, until they are stopped."""

    def __init__(self, store: ClickHouse, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.sent: set[str] = set()
        self.waited_s: list[float] = []

    async def run(self, flushes: int | None = None) -> None:
        """So many flushes; without a number, until it is cancelled."""
        for _ in range(flushes) if flushes is not None else count():
            ids = [uid(9, len(self.sent) + number) for number in range(20)]
            records = [arriving(identity) for identity in ids]
            began_s = time.monotonic()
            await ingest(self.store, self.settings, {TOPIC: records})
            self.waited_s.append(time.monotonic() - began_s)
            self.sent |= {*ids}


def arriving(analytics_id: str) -> bytes:
    started = rfc3339(NOW_MS)
    body = usual(analytics_id=analytics_id, started_processing_at=started, completed_at=started)
    return orjson.dumps(body)


async def test_a_cleanup_holds_up_no_insert(store: ClickHouse, settings: Settings) -> None:
    for end_ms in (NOW_MS, NOW_MS - 40 * DAY_MS):
        await fill(store, 40_000, end_ms, lambda _: None)
    (old,) = await store.select(
        f"SELECT count() AS old FROM {store.database}.schedule_executions FINAL "
        f"WHERE started_processing_at < fromUnixTimestamp64Milli({TODAY_MS - 3 * DAY_MS})"
    )
    undisturbed = Arrivals(store, settings)
    await undisturbed.run(15)

    arrivals = Arrivals(store, settings)
    arrivals.sent = {*undisturbed.sent}
    arriving_now = asyncio.create_task(arrivals.run())
    began_s = time.monotonic()
    try:
        cleaned = await clean_up(store, SystemClock(), 3, "me", dry_run=False)
    finally:
        took_s = time.monotonic() - began_s
        arriving_now.cancel()
        await asyncio.gather(arriving_now, return_exceptions=True)

    # Some of it went by the month, and of what is left a month lost a part.
    assert cleaned.months
    assert cleaned.executions == old["old"] > 40_000
    # Each flush beside it took about as long as before, and none waited for all of it.
    assert len(arrivals.waited_s) >= 3
    assert max(arrivals.waited_s) < max(undisturbed.waited_s) + HELD_UP_S, (arrivals.waited_s, took_s)
    kept = {*await stored(store, "schedule_executions", "analytics_id")}
    assert arrivals.sent <= kept
    (left,) = await store.select(
        f"SELECT countIf(started_processing_at < fromUnixTimestamp64Milli({cleaned.before_ms})) AS old "
        f"FROM {store.database}.schedule_executions FINAL"
    )
    assert left["old"] == 0
