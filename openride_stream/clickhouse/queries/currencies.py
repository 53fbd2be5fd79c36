"""Which currencies there are amounts in."""

from typing import Final

from openride_stream.clickhouse.client import ClickHouse

_BUILT: Final = ("daily_bookings", "daily_payments", "daily_trips")
_STORED: Final = ("booking_events", "payment_events", "trip_events")


async def currencies(store: ClickHouse) -> frozenset[str]:
    """Those of the days that are built."""
    every = " UNION ALL ".join(
        f"SELECT DISTINCT currency FROM {store.database}.{table} WHERE currency != ''" for table in _BUILT
    )
    rows = await store.select(f"SELECT DISTINCT currency FROM ({every})")
    return frozenset(row["currency"] for row in rows)


async def has_amounts_in(store: ClickHouse, currency: str) -> bool:
    """Whether any stored event of bookings, payments or trips names that currency."""
    found = " UNION ALL ".join(
        f"(SELECT 1 AS one FROM {store.database}.{table} WHERE currency = {{currency:String}} LIMIT 1)"
        for table in _STORED
    )
    return bool(await store.select(f"SELECT one FROM ({found}) LIMIT 1", {"currency": currency}))
