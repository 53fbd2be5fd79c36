"""Executions of an archived month: what the API says of them before, without and after it."""

from datetime import date
from typing import Any

import orjson
import pytest

from openride_stream.clock import rfc3339
from tests.archive.conftest import MONTH, Vault, young
from tests.clickhouse.storing import Sent, ingest
from tests.exactness.executions import usual
from tests.exactness.stories import uid

pytestmark = pytest.mark.asyncio(loop_scope="package")

TABLE = "schedule_analytics"
TOPIC = "openride.schedules.redis"
HOUR_MS = 3_600_000
FIFTH_MS = 1_767_571_200_000
FEBRUARY_MS = 1_769_904_000_000
FIFTH = {"start_time": "2026-01-05", "end_time": "2026-01-06"}
EDGE = {"start_time": "2026-01-31", "end_time": "2026-02-02"}


def execution(number: int, started_ms: int) -> bytes:
    started = rfc3339(started_ms)
    times = {"started_processing_at": started, "completed_at": started, "time_in_redis_queue_ms": 5 + number}
    return orjson.dumps(usual(analytics_id=uid(7, number), **times))


async def told(vault: Vault, span: dict[str, str]) -> list[Any]:
    """The executions of a span and what they waited, as the API has them."""
    page = await vault.site.get("/v1/schedule-analytics/time-range", **span, limit="100")
    waits = await vault.site.get("/v1/schedule-analytics/queue-times", **span)
    return [page["executions"], waits["tiers"]["redis_immediate"]]


async def expire(vault: Vault) -> None:
    """What may expire does: merges come when they like."""
    for table in ("schedule_hours", "schedule_marks", "schedule_builds"):
        await vault.store.execute(f"OPTIMIZE TABLE {vault.store.database}.{table} FINAL")


async def test_the_api_has_executions_until_their_month_has_left_and_when_it_is_back(vault: Vault) -> None:
    records = [execution(number, FIFTH_MS + number * HOUR_MS) for number in range(5)]
    await ingest(vault.store, young(vault.settings), {TOPIC: records})
    before = await told(vault, FIFTH)
    assert (len(before[0]), before[1]["count"]) == (5, 5)
    await vault.round()
    await expire(vault)
    assert await told(vault, FIFTH) == before
    await vault.archive(TABLE)
    for _ in range(2):
        assert [before[0][:0], 0] == [(now := await told(vault, FIFTH))[0], now[1]["count"]]
        await vault.round()
        await expire(vault)
    await vault.restore(TABLE)
    for _ in range(2):
        assert await told(vault, FIFTH) == before
        await vault.round()
        await expire(vault)


async def test_an_update_of_the_month_before_stays_with_its_execution(vault: Vault) -> None:
    executions = [execution(1, FEBRUARY_MS + 1000), execution(2, FEBRUARY_MS - 1000)]
    updates = [
        {"update": True, "analytics_id": uid(7, number), "event_id": uid(6, number), "retry_count": 4}
        for number in (1, 2)
    ]
    sent = [
        Sent(number, value if isinstance(value, bytes) else orjson.dumps(value), FEBRUARY_MS - 60_000)
        for number, value in enumerate([*executions, *updates])
    ]
    await ingest(vault.store, young(vault.settings), {TOPIC: sent})
    before = await told(vault, EDGE)
    assert [each["retry_count"] for each in before[0]] == [4, 4]
    # January is over for the archive, February is not.
    today = date.fromisoformat(rfc3339(vault.site.runtime.clock.now_ms())[:10])
    (outcome,) = await vault.archive(
        TABLE, retention_schedule_days=(today - date(2026, 2, 10)).days - 7, retention_events_days=400
    )
    assert (outcome.month, outcome.outcome, outcome.rows) == (MONTH, "archived", 3)
    now = await told(vault, EDGE)
    assert [each for each in before[0] if each["started_processing_at"] >= "2026-02"] == now[0]
    await vault.restore(TABLE)
    assert await told(vault, EDGE) == before
