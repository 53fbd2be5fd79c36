"""What a round says of itself: the days that it found dirty, and how long each pre-aggregation took."""

from collections.abc import Sequence
from typing import Any

import orjson

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.preaggregations import ALL, MERGED, PreAggregation
from openride_stream.clickhouse.reconcile import Reconciler
from openride_stream.clock import SystemClock, rfc3339
from openride_stream.events.example import example
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings
from tests.clickhouse.storing import NOW_MS, ingest

DAY_MS = 86_400_000


def bookings(*days_ago: int) -> dict[str, list[bytes]]:
    created = example("booking.created")
    moments = [rfc3339(NOW_MS - days * DAY_MS) for days in days_ago]
    sent = [orjson.dumps(created | {"event_id": None, "event_timestamp": moment}) for moment in moments]
    return {"openride.events.booking": sent}


class Noting(Reconciler):
    """Notes what the gauge says whenever something is built; the first time an event comes meanwhile."""

    def __init__(self, store: ClickHouse, metrics: Metrics, settings: Settings) -> None:
        super().__init__(store, metrics, SystemClock(), settings)
        self.given = store, settings
        self.told = metrics
        self.noted: list[float | None] = []

    async def build(self, preaggregation: PreAggregation, states: Sequence[Any]) -> None:
        if not self.noted:
            await ingest(*self.given, bookings(9))
        self.noted.append(self.told.registry.get_sample_value("openride_dirty_days"))
        await super().build(preaggregation, states)


async def test_dirty_days_are_counted_when_a_round_begins_and_when_it_ends(
    store: ClickHouse, settings: Settings
) -> None:
    metrics = Metrics()
    rounds = Noting(store, metrics, settings)
    await ingest(store, settings, bookings(1, 1, 3))
    await rounds.run()
    assert set(rounds.noted) == {2}, "distinct ones, however many pre-aggregations they are dirty for"
    assert metrics.registry.get_sample_value("openride_dirty_days") == 1, "what came meanwhile"
    await rounds.run()
    assert metrics.registry.get_sample_value("openride_dirty_days") == 0
    for name in [*(kept.name for kept in (*ALL, *MERGED)), "schedule_hours"]:
        count = "openride_preaggregation_duration_seconds_count"
        assert metrics.registry.get_sample_value(count, {"name": name}) == 2, name
