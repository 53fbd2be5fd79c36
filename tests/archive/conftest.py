"""A store with a month that is over, and figures of it."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest_asyncio

from openride_stream.archive.archivist import Archivist, Outcome
from openride_stream.archive.months import columns_of, content_of, of_month
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.migrate import migrate
from openride_stream.clickhouse.reconcile import Reconciler
from openride_stream.clock import SystemClock
from openride_stream.events.example import example
from openride_stream.settings import Settings
from tests.fixtures.clock import ManualClock
from tests.fixtures.store import settings_for
from tests.fixtures.web import Site, fill, open_site

MONTH = 202601
RANGE = {"start_date": "2026-01-01", "end_date": "2026-02-01"}
ASKED: tuple[tuple[str, dict[str, str]], ...] = (
    *(
        (f"/v1/metrics/{kind}", {**RANGE, "granularity": "daily"})
        for kind in ("users", "bookings", "payments", "trips", "drivers", "routes")
    ),
    ("/v1/metrics/payments", {**RANGE, "city": "Lagos"}),
    ("/v1/analytics/funnel", RANGE),
    ("/v1/analytics/geographic", {**RANGE, "metric": "revenue"}),
    ("/v1/analytics/trends", {**RANGE, "metric": "active_users", "granularity": "weekly"}),
)
_IDS = ("user_id", "rider_id", "booking_id", "payment_id", "trip_id", "route_id")
_NAMES = (
    "user.registered",
    "route.created",
    "booking.created",
    "booking.confirmed",
    "payment.initiated",
    "payment.success",
    "trip.started",
    "trip.completed",
)


@dataclass
class Vault:
    """A server, and an archivist of its store."""

    site: Site
    store: ClickHouse
    settings: Settings

    def archivist(self, **given: Any) -> Archivist:
        settings = type(self.settings)(_env_file=None, **{**self.settings.model_dump(), **given})
        return Archivist(self.store, settings, self.site.runtime.clock)

    async def archive(self, *tables: str, **given: Any) -> list[Outcome]:
        archivist = self.archivist(**given)
        await archivist.ready()
        outcomes = archivist.archive(*([tables] if tables else []))
        return [outcome async for outcome in outcomes]

    async def restore(self, *tables: str, month: int = MONTH, **given: Any) -> list[Outcome]:
        return [
            outcome
            async for outcome in self.archivist(**given).restore(month, tables or ("trip_events",), 30)
        ]

    async def figures(self) -> list[dict[str, Any]]:
        return [await self.site.get(path, **asked) for path, asked in ASKED]

    async def rows(self, table: str = "trip_events", month: int = MONTH) -> int:
        sql = f"SELECT count() AS n FROM {self.store.database}.{table} FINAL WHERE {of_month(month)}"
        return int((await self.store.select(sql))[0]["n"])

    async def hashes(self, table: str = "trip_events") -> str:
        columns = await columns_of(self.store, table)
        return (await content_of(self.store, table, columns, of_month(MONTH))).hashes

    async def round(self) -> None:
        await Reconciler(self.store, self.site.metrics, SystemClock(), self.settings).run()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def opened(clickhouse_url: str, tmp_path_factory: Any) -> AsyncIterator[Vault]:
    folder: Path = tmp_path_factory.mktemp("archive")
    settings = settings_for(
        clickhouse_url,
        archive=True,
        archive_dir=str(folder / "kept"),
        data_dir=folder,
        retention_events_days=30,
        retention_location_days=30,
        retention_schedule_days=30,
        cache_look_s=0,
        cache_ttl_s=0,
        cache_ttl_analytics_s=0,
        api_requests_per_minute=0,
    )
    store = ClickHouse.open(settings)
    await migrate(store, settings)
    async with open_site(settings, store, ManualClock()) as site:
        yield Vault(site, store, settings)
    await store.execute(f"DROP DATABASE {settings.clickhouse_database} SYNC")
    await store.close()


@pytest_asyncio.fixture(loop_scope="package")
async def vault(opened: Vault) -> AsyncIterator[Vault]:
    """Rides of January and one of today; one event came twice, one with two contents. Built, as rounds do."""
    rides = [event for number in range(6) for event in ride(number)]
    rides += [rides[7], {**rides[15], "distance_km": 99.5}]
    rides += [{**event, "event_id": str(uuid.uuid4()), "event_timestamp": now()} for event in rides[:8]]
    await fill(opened.site, rides)
    await Reconciler(opened.store, opened.site.metrics, SystemClock(), young(opened.settings)).run()
    yield opened
    for row in await opened.store.select(
        "SELECT DISTINCT table FROM system.parts WHERE database = {database:String} AND active AND rows > 0 "
        "AND table != 'schema_migrations'",
        {"database": opened.store.database},
    ):
        await opened.store.execute(f"TRUNCATE TABLE {opened.store.database}.{row['table']}")
    shelf = opened.archivist().shelf
    await shelf.place.remove([stored.name for stored in await shelf.place.names()])


def now() -> str:
    return datetime.now(UTC).isoformat()


def young(settings: Settings) -> Settings:
    """What a worker had when those months were not over yet."""
    kinds = ("events", "location", "schedule")
    return settings.model_copy(update={f"retention_{kind}_days": 4_000 for kind in kinds})


def ride(number: int) -> list[dict[str, Any]]:
    """What one ride leaves behind."""
    at = f"2026-01-{10 + number // 2:02}T{8 + number % 12:02}:30:00.250Z"
    ids = {key: str(uuid.UUID(int=1_000 * number + place)) for place, key in enumerate(_IDS, start=1)}
    ids["driver_id"] = str(uuid.UUID(int=number % 5 + 1))
    return [
        {key: ids.get(key, value) for key, value in example(name).items()}
        | {"event_id": str(uuid.UUID(int=100_000 * number + place)), "event_timestamp": at}
        | ({"city": "Lagos", "state": "LA"} if number % 3 else {})
        for place, name in enumerate(_NAMES, start=1)
    ]
