"""Contents that share an event_id are found, also when the store's clock was put back."""

import uuid
from typing import Any

import orjson
import pytest

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.conflicts import Conflicts
from openride_stream.errors import StoreUnavailable


async def insert(store: ClickHouse, table: str, *rows: dict[str, Any]) -> None:
    await store.insert(f"{store.database}.{table}", orjson.dumps(rows)[1:-1])


async def two_contents(store: ClickHouse) -> None:
    shared = {"event_id": str(uuid.uuid4()), "source": "user_events", "event_timestamp": 1_790_000_000_000}
    await insert(store, "event_identities", shared | {"precedence": 1}, shared | {"precedence": 2})


async def test_each_conflict_is_found_once(store: ClickHouse) -> None:
    conflicts = Conflicts(store)
    await two_contents(store)
    assert [await conflicts.find() for _ in range(3)] == [1, 0, 0]
    await two_contents(store)
    assert await conflicts.find() == 1


async def test_a_clock_that_was_an_hour_ahead_hides_nothing(store: ClickHouse) -> None:
    conflicts = Conflicts(store)
    assert await conflicts.find() == 0
    (now,) = await store.select("SELECT toUInt32(now()) AS s")
    ahead = {
        "preaggregation": "conflicts",
        "day": "1970-01-01",
        "marks_seen": now["s"] + 3600,
        "generation": 2,
    }
    await insert(store, "day_builds", ahead)
    await two_contents(store)
    assert await conflicts.find() == 1
    await two_contents(store)
    assert await conflicts.find() == 1


async def test_who_dies_while_it_looks_has_not_looked(store: ClickHouse) -> None:
    """However long it takes until somebody looks again."""
    conflicts = Conflicts(store)
    (now,) = await store.select("SELECT toUInt32(now()) AS s")
    before = {"preaggregation": "conflicts", "day": "1970-01-01", "generation": 1}
    await insert(store, "day_builds", before | {"marks_seen": now["s"] - 10_000})

    async def die(since_s: int) -> None:
        raise StoreUnavailable(str(since_s))

    with pytest.raises(StoreUnavailable):
        await conflicts.find(die)
    looked: list[int] = []

    async def look(since_s: int) -> None:
        looked.append(since_s)

    for _ in range(2):
        await conflicts.find(look)
    assert looked[0] < now["s"] - 10_000
    assert looked[1] >= now["s"] - 1_000
