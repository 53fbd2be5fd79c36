"""Which schedules come seldom is known before anybody asks, and is looked for again while a worker runs."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.hour_looks import Hours
from openride_stream.clickhouse.queries.schedules.source import Source
from openride_stream.clickhouse.queries.schedules.stuck import looked_back_ms, stuck_schedules
from openride_stream.clock import rfc3339
from openride_stream.errors import StoreUnavailable
from openride_stream.schedules import seldom
from openride_stream.schedules.seldom import keep_seldom_known
from openride_stream.settings import Settings
from tests.clickhouse.storing import NOW_MS, ingest
from tests.exactness.executions import usual
from tests.exactness.stories import DAY_MS, uid
from tests.fixtures.clock import ManualClock

TOPIC = "openride.schedules.redis"
DAYS = 14
WITHIN_S = 10.0


def daily(schedule_id: str, first: int, silent_days: int) -> list[bytes]:
    """Five executions of a schedule that was due once a day."""
    due = [rfc3339(NOW_MS - (silent_days + number) * DAY_MS) for number in range(5)]
    return [
        orjson.dumps(
            usual(
                analytics_id=uid(7, first + number),
                schedule_id=schedule_id,
                scheduled_at=at,
                started_processing_at=at,
                completed_at=at,
            )
        )
        for number, at in enumerate(due)
    ]


async def nobody_waits() -> tuple[str, ...]:
    raise AssertionError("a question looked for what comes seldom itself")


@asynccontextmanager
async def kept_known(store: ClickHouse, hours: Hours, clock: ManualClock) -> AsyncIterator[None]:
    keeping = asyncio.create_task(keep_seldom_known(store, hours, clock, DAYS))
    try:
        yield
        assert not keeping.done()
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await hours.close()


async def known(hours: Hours, schedules: tuple[str, ...]) -> None:
    """Return once these are known to come seldom."""
    deadline_s = time.monotonic() + WITHIN_S
    while hours.seldom_known != schedules:
        assert time.monotonic() < deadline_s, hours.seldom_known
        await asyncio.sleep(0.01)


async def test_it_is_known_before_the_first_question_and_renewed_while_nobody_asks(
    store: ClickHouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seldom, "SELDOM_S", 0.05)
    clock = ManualClock(NOW_MS)
    hours = Hours(store, clock, look_s=0.5)
    await ingest(store, settings, {TOPIC: daily("payouts", 0, 4)})
    async with kept_known(store, hours, clock):
        await known(hours, ("payouts",))
        assert await hours.seldom(nobody_waits) == ("payouts",)
        await ingest(store, settings, {TOPIC: daily("reminders", 10, 5)})
        clock.advance(61)  # nobody asks; the next look is due
        await known(hours, ("reminders", "payouts"))
        clock.advance(61)
        now_ms = clock.now_ms()
        source = await Source.of(store, hours, looked_back_ms(now_ms, DAYS), now_ms)
        found = await stuck_schedules(source, now_ms, 2.0, DAYS)
    assert [each["schedule_id"] for each in found] == ["reminders", "payouts"]


async def test_a_store_that_is_away_ends_nothing_and_the_next_look_is_made(
    store: ClickHouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seldom, "SELDOM_S", 0.05)
    clock, tried = ManualClock(NOW_MS), asyncio.Event()
    hours = Hours(store, clock, look_s=0.5)
    await ingest(store, settings, {TOPIC: daily("payouts", 0, 4)})

    async def away(*_: object, **__: object) -> None:
        tried.set()
        raise StoreUnavailable("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(store, "select", away)
        async with kept_known(store, hours, clock):
            async with asyncio.timeout(WITHIN_S):
                await tried.wait()
            patched.undo()
            await known(hours, ("payouts",))
