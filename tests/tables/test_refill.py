"""What ClickHouse gives back to live tables whose changelog is gone."""

from dataclasses import asdict

import orjson
import pytest

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import SystemClock
from openride_stream.settings import Settings
from tables.realtime import figures
from tables.refill import refilled
from tables.state import LiveState
from tests.clickhouse.storing import ingest
from tests.reference.realtime import realtime
from tests.tables.rides import some_hours
from tests.tables.test_realtime import LIVE_HOURS, LIVE_MS, flat, seen, topic_of


async def test_every_figure_but_the_rate_comes_back_and_nothing_counts_twice(
    store: ClickHouse, settings: Settings
) -> None:
    now_ms = SystemClock().now_ms()
    events = some_hours(5, now_ms, 900)
    records: dict[str, list[bytes]] = {}
    for event in (*events, *events[::7]):
        records.setdefault(topic_of(event), []).append(orjson.dumps(event))
    await ingest(store, settings, records)
    state = LiveState(LIVE_MS)
    state.add(await refilled(store, now_ms, LIVE_MS), now_ms)
    for event in events[::3]:  # the changelog holds some of it
        state.add(seen([event]), now_ms)
    for currency in ("NGN", "KES"):
        expected = realtime(events, now_ms, currency, LIVE_HOURS) | {"events_per_second": None}
        answer = asdict(figures(state, now_ms, currency)) | {"events_per_second": None}
        assert flat(answer) == {
            name: pytest.approx(value, abs=0.0051) if isinstance(value, int | float) else value
            for name, value in flat(expected).items()
        }
    assert await refilled(store, now_ms + 20 * LIVE_MS, LIVE_MS) == {}
