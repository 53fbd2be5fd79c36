"""Which places there are: what cities and states events and routes name."""

from typing import Final

from openride_stream.clickhouse.client import ClickHouse, Param
from openride_stream.events.topics import EVENT_TABLES

Places = frozenset[tuple[str, str]]
"""(city, state) of every place; a state may be empty."""

_MOST: Final = 100_000


async def places(store: ClickHouse) -> Places:
    """The places of the days that are built, and where routes begin; at most 100,000 of them."""
    rows = await store.select(
        "SELECT DISTINCT city, state FROM ("
        f"SELECT city, state FROM {store.database}.hourly_activity WHERE city != '' "
        f"UNION ALL SELECT origin_city AS city, origin_state AS state FROM {store.database}.route_facts"
        f") LIMIT {_MOST}"
    )
    return frozenset((row["city"], row["state"]) for row in rows)


async def occurs(store: ClickHouse, city: str | None, state: str | None) -> bool:
    """Whether any stored event has that city and state, None standing for any."""
    asked = {"city": city, "state": state}
    params: dict[str, Param] = {name: value for name, value in asked.items() if value is not None}
    here = " AND ".join(f"{name} = {{{name}:String}}" for name in params)
    found = " UNION ALL ".join(
        f"(SELECT 1 AS one FROM {store.database}.{table} WHERE city != '' AND {here} LIMIT 1)"
        for table in EVENT_TABLES
    )
    return bool(await store.select(f"SELECT one FROM ({found}) LIMIT 1", params))
