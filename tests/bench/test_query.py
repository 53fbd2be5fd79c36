"""What `openride bench query` is made of: a history that is one, and questions about everything."""

import time
from datetime import UTC, datetime

import pytest

from bench.query.history import fill
from bench.query.kinds import DAYS, Size
from bench.query.naive import NAIVE, naive
from bench.query.questions import dashboards, last_month, questions
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import DAY_MS
from web.registry import all_endpoints

FIGURES = ("/v1/metrics/", "/v1/analytics/")
NOW_MS = time.time_ns() // 1_000_000


async def test_a_history_has_as_many_events_as_are_asked_for_and_nothing_out_of_place(
    store: ClickHouse,
) -> None:
    rows = await fill(store, 20_000, NOW_MS, lambda _: None)
    assert rows == pytest.approx(20_000, rel=0.02)
    found = await store.select(
        "SELECT uniqExact(booking_id) AS bookings, min(event_timestamp) >= "
        "fromUnixTimestamp64Milli({begin:Int64}, 'UTC') AND max(event_timestamp) <= "
        "fromUnixTimestamp64Milli({end:Int64}, 'UTC') AS within FROM "
        f"{store.database}.booking_events",
        {"begin": NOW_MS - DAYS * DAY_MS, "end": NOW_MS},
    )
    assert found == [{"bookings": Size(20_000).bookings, "within": 1}]
    strangers = await store.select(
        f"SELECT count() AS rows FROM {store.database}.booking_events "
        "WHERE event_type = 'booking.created' AND "
        f"rider_id NOT IN (SELECT user_id FROM {store.database}.user_events "
        "WHERE event_type = 'user.registered')"
    )
    assert strangers == [{"rows": 0}]
    for sql in NAIVE.values():
        assert await store.select(naive(store, sql), last_month(datetime.now(UTC)))


def test_every_figure_is_asked_for() -> None:
    asked = questions(datetime.now(UTC))
    declared = {
        each.path for each in all_endpoints() if each.path.startswith(("/v1/metrics/", "/v1/analytics/"))
    }
    assert set(asked) == {path for path in declared if not path.endswith(("/ws", "/sse"))}


def test_a_mix_of_dashboards_is_the_same_in_every_run() -> None:
    now = datetime.now(UTC)
    assert dashboards(now) == dashboards(now)
