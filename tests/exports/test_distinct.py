"""No event comes twice out of a table of exports, whatever was sent and merged; exports change nothing."""

from typing import Any

import orjson
import pytest

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.raw import Take
from openride_stream.clock import rfc3339
from openride_stream.errors import StoreRefused
from openride_stream.events.example import example
from openride_stream.events.registry import TOPIC_OF
from openride_stream.exports.query import prepare
from openride_stream.settings import Settings
from tests.clickhouse.storing import NOW_MS, ingest, reconciler
from tests.exactness.stories import DAY_MS, uid

TYPES = (
    *("user.registered", "booking.created", "payment.initiated", "trip.completed", "route.created"),
    "driver.location.updated",
)
ONCE = {
    "user_events": 2,
    "booking_events": 2,
    "payment_events": 2,
    "trip_events": 2,
    "route_events": 2,
    "location_events": 2,
    "events_raw": 12,
    "user_facts": 2,
    "route_facts": 2,
    "booking_facts": 2,
}
"""Rows of each table: of each type an event that was sent twice, and one with contents of two months."""
OTHER_MONTH_DAYS = 35
"""Days ago: in another month than three days ago, and before positions expire."""


def sent(name: str, event: int, days_ago: int) -> bytes:
    identity = uid(9, event)
    body = example(name) | {"event_id": identity, "event_timestamp": rfc3339(NOW_MS - days_ago * DAY_MS)}
    own = {"user_id", "booking_id", "route_id"} & body.keys()
    return orjson.dumps(body | dict.fromkeys(own, identity))


async def counts(store: ClickHouse) -> dict[str, int]:
    found = {}
    for table in ONCE:
        statement = prepare(
            f"SELECT count() AS n, uniqExact(event_id) AS ids FROM {table}", {}, store.database, 10
        )
        (row,) = await store.select(statement.sql)
        assert row["n"] == row["ids"], table
        found[table] = row["n"]
    return found


async def test_every_table_has_every_event_once(store: ClickHouse, settings: Settings) -> None:
    records: dict[str, list[bytes]] = {}
    for place, name in enumerate(TYPES):
        again, contested = 2 * place, 2 * place + 1
        records[TOPIC_OF[name].name] = [
            *(sent(name, again, 3), sent(name, again, 3)),
            *(sent(name, contested, 3), sent(name, contested, OTHER_MONTH_DAYS)),
        ]
    await ingest(store, settings, records)
    await reconciler(store, settings).run()
    assert await counts(store) == ONCE
    for table in ONCE.keys() - {"events_raw"}:
        await store.execute(f"OPTIMIZE TABLE {store.database}.{table} FINAL")
    assert await counts(store) == ONCE


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {database}.superseded_events (event_id, precedence) SELECT generateUUIDv4(), 1",
        "TRUNCATE TABLE {database}.trip_events",
        "SELECT 1 SETTINGS readonly = 0",
    ],
)
async def test_what_an_export_asks_may_change_nothing(store: ClickHouse, statement: str) -> None:
    table = f"{store.database}.superseded_events"
    await store.execute(f"INSERT INTO {table} (event_id, precedence) VALUES ('{uid(1, 1)}', 1)")
    take = Take(timeout_s=10, memory_bytes=10**9, rows=10)
    asked = await store.raw_query(statement.format(database=store.database), {}, "CSV", take, {})
    found: list[Any] = []
    with pytest.raises(StoreRefused):
        found += [chunk async for chunk in store.raw_rows(asked)]
    assert found == []
    rows = await store.select(f"SELECT count() AS n FROM {table}")
    assert rows == [{"n": 1}]
