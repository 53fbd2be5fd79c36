"""Scheduled clean-up: once a day in the cluster, on record, and begun again when it failed."""

from typing import Any

import orjson
import pytest

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import rfc3339
from openride_stream.errors import StoreUnavailable
from openride_stream.metadata.engine import Metadata
from openride_stream.schedules import keeping
from openride_stream.schedules.keeping import WHO, ScheduledCleanup
from openride_stream.settings import Settings
from tests.clickhouse.storing import NOW_MS, ingest
from tests.exactness.executions import usual
from tests.exactness.stories import DAY_MS, uid
from tests.fixtures.clock import ManualClock

TOPIC = "openride.schedules.redis"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"schedule_cleanup_days": 30})


async def stored(store: ClickHouse) -> list[str]:
    rows = await store.select(
        f"SELECT toString(analytics_id) AS id FROM {store.database}.schedule_executions FINAL ORDER BY id"
    )
    return [row["id"] for row in rows]


async def test_of_two_workers_one_deletes_what_is_old_and_says_so(
    store: ClickHouse, settings: Settings, metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(NOW_MS // DAY_MS * DAY_MS - DAY_MS // 2)  # noon: two hours later is the same day
    started = [rfc3339(NOW_MS - days * DAY_MS) for days in (1, 40, 60)]
    records = [
        orjson.dumps(usual(analytics_id=uid(7, n), started_processing_at=at, completed_at=at))
        for n, at in enumerate(started)
    ]
    await ingest(store, settings, {TOPIC: records})
    workers = [ScheduledCleanup(store, metadata, clock, f"w{n}", settings) for n in range(2)]

    async def broken(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(keeping, "clean_up", broken)
        with pytest.raises(StoreUnavailable):
            await workers[0].once()
    assert await workers[1].once() is None  # the lease of the one that failed is not over
    clock.advance(61)
    cleaned = await workers[1].once()
    assert cleaned is not None
    assert cleaned.executions == 2
    assert await stored(store) == [uid(7, 0)]
    clock.advance(3600)
    assert [await worker.once() for worker in workers] == [None, None]
    audit = await store.select(
        f"SELECT step, who, executions FROM {store.database}.schedule_cleanups ORDER BY step"
    )
    assert audit == [
        {"step": "began", "who": WHO, "executions": 2},
        {"step": "done", "who": WHO, "executions": 2},
    ]
    clock.advance(86_400)
    again = await workers[0].once()
    assert again is not None
    assert again.executions == 0
