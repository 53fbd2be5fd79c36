"""A query ends with who asked it, and takes no more of the store than it may."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from openride_stream.clickhouse import client
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.limits import MAX_ROWS, PROFILE_SQL, limits
from openride_stream.errors import StoreLimit, StoreRefused
from openride_stream.settings import Settings
from tests.fixtures.store import settings_for, until_running

MEMORY_BYTES = 64 * 1024**2
READ_ONLY = 164


def heavy(mark: str) -> str:
    """A query that would take hours."""
    return f"SELECT count() AS n FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number), '{mark}')"


@pytest.fixture
def settings(clickhouse_url: str) -> Settings:
    return settings_for(clickhouse_url, clickhouse_query_memory_bytes=MEMORY_BYTES)


async def test_who_stops_waiting_ends_the_query_in_the_store(store: ClickHouse) -> None:
    mark = "left alone"
    asking = asyncio.create_task(store.select(heavy(mark)))
    await until_running(store, mark, 1)
    asking.cancel()
    await until_running(store, mark, 0)


async def test_an_answer_is_bounded_and_our_upkeep_is_not(store: ClickHouse) -> None:
    many = f"SELECT number AS n FROM numbers({MAX_ROWS + 1})"
    with pytest.raises(StoreLimit) as reached:
        await store.select(many)
    assert reached.value.limit == "rows"
    assert len(await store.select(many, bounded=False)) == MAX_ROWS + 1


async def test_memory_is_bounded(store: ClickHouse) -> None:
    hungry = "SELECT uniqExact(number) AS n FROM numbers(10000000)"
    with pytest.raises(StoreLimit) as reached:
        await store.select(hungry)
    assert reached.value.limit == "memory"
    assert await store.select(hungry, bounded=False) == [{"n": 10_000_000}]


async def test_time_is_bounded(store: ClickHouse) -> None:
    with pytest.raises(StoreLimit) as reached:
        await store.select(heavy("too long"), timeout_s=0.2)
    assert reached.value.limit == "time"
    await until_running(store, "too long", 0)


async def test_what_is_asked_changes_nothing(store: ClickHouse) -> None:
    with pytest.raises(StoreRefused) as refused:
        await store.select(f"INSERT INTO {store.database}.day_builds (day) SELECT today()")
    assert refused.value.code == READ_ONLY


def row(name: str, value: str, highest: str, *, forbidden: bool = False) -> dict[str, str | bool]:
    return {"name": name, "value": value, "highest": highest, "forbidden": forbidden}


def test_what_a_profile_forbids_is_left_to_it() -> None:
    assert limits([row("max_execution_time", "7", "", forbidden=True)], 30, 1_000) == {}


def test_no_cap_is_asked_for_that_would_cut_an_answer_off_unseen() -> None:
    cutting = row("result_overflow_mode", "break", "", forbidden=True)
    free = [row("max_result_rows", "0", ""), row("max_memory_usage", "0", "")]
    assert limits([cutting, *free], 30, 1_000) == {"max_memory_usage": "1000"}


async def test_no_mode_of_a_profile_cuts_an_answer_off(store: ClickHouse) -> None:
    """Whatever limits a profile has, what goes beyond one is an error."""
    modes = await store.select(
        "SELECT name, value FROM system.settings WHERE name LIKE '%overflow_mode%' AND value != 'throw'"
    )
    assert modes == []


def test_a_limit_of_the_profile_is_not_exceeded() -> None:
    free = [row("max_execution_time", "0", ""), row("max_memory_usage", "0", "")]
    assert limits(free, 30, 1_000) == {"max_execution_time": "30", "max_memory_usage": "1000"}
    tight = [row("max_execution_time", "10", "60"), row("max_memory_usage", "0", "500")]
    assert limits(tight, 30, 1_000) == {"max_execution_time": "10", "max_memory_usage": "500"}


async def test_a_user_who_may_not_read_the_profile_asks_all_the_same(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PROFILE_SQL", "SELECT name FROM system.nothing")
    store = ClickHouse.open(settings)
    assert await store.select("SELECT 1 AS one") == [{"one": 1}]
    await store.close()


async def test_a_profile_that_was_tightened_is_asked_for_anew(settings: Settings) -> None:
    class Tightened(ClickHouse):
        """Its user may set nothing any more, from the second question on."""

        asked = 0

        async def _fetch(
            self, sql: str, params: object, limited: Mapping[str, str], deadline_s: float
        ) -> Any:
            if sql == PROFILE_SQL:
                self.asked += 1
                return [{"name": "readonly", "value": "0", "highest": "", "forbidden": self.asked > 1}]
            if self.asked == 1 and limited:
                message = "Code: 452. Setting readonly should not be changed"
                raise StoreRefused(message, 452)
            return [{"n": 1}]

    opened = Tightened.open(settings)
    with pytest.raises(StoreRefused):
        await opened.select("SELECT 1 AS n")
    assert await opened.select("SELECT 1 AS n") == [{"n": 1}]
    assert await opened.select("SELECT 1 AS n") == [{"n": 1}]
    assert opened.asked == 2
    await opened.close()
