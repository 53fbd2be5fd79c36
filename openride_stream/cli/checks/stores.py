"""Checks of the stores: ClickHouse with its schema and clock, the metadata store, Redis."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import make_url

from openride_stream.cli.checks.findings import Finding, Patient
from openride_stream.clickhouse import migrate as schema
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.migrations import head as schema_head
from openride_stream.clickhouse.retention import expiring, waiting
from openride_stream.clock import Clock, SystemClock
from openride_stream.errors import ConfigurationError, MetadataUnavailable, StoreRefused, StoreUnavailable
from openride_stream.metadata import migrate as metadata_schema
from openride_stream.settings import Settings

_MIGRATE: Final = "run `openride migrate`"
_SKEW_WARN_MS: Final = 1_000
_SKEW_FAIL_MS: Final = 60_000
_REDIS_TIMEOUT_S: Final = 3.0


async def check_clickhouse(patient: Patient) -> Sequence[Finding]:
    """Reachability, version, schema version, and how far its clock is from ours."""
    settings = patient.settings
    store = ClickHouse.open(settings)
    try:
        version = (await store.select("SELECT version() AS version", timeout_s=10))[0]["version"]
        reachable = Finding("clickhouse", "ok", f"ClickHouse {version} at {settings.clickhouse_url}")
        found = [reachable, await _schema(store, settings), await clock_skew(store, SystemClock())]
        return [*found, *await _retention(store, settings)]
    except (StoreUnavailable, StoreRefused) as error:
        advice = "start ClickHouse, or set OPENRIDE_CLICKHOUSE_URL, _USER and _PASSWORD"
        return [Finding("clickhouse", "fail", f"{settings.clickhouse_url}: {error}", advice)]
    finally:
        await store.close()


async def _schema(store: ClickHouse, settings: Settings) -> Finding:
    version = await schema.current_version(store, settings.clickhouse_database)
    head = schema_head()
    message = f"database {settings.clickhouse_database} has schema version {version} of {head}"
    if version < head:
        return Finding("schema", "fail", message, _MIGRATE)
    if version > head:
        return Finding("schema", "fail", message, "run the newer openride-stream that made this schema")
    return Finding("schema", "ok", message)


async def _retention(store: ClickHouse, settings: Settings) -> list[Finding]:
    """Nothing, unless what is kept is not what the settings say."""
    if left := await waiting(store, settings):
        message = f"months of {', '.join(left)} wait for `openride archive`, which OPENRIDE_ARCHIVE turns off"
        advice = "set OPENRIDE_ARCHIVE=true, or let them expire for good: `openride migrate --expire`"
        return [Finding("retention", "warn", message, advice)]
    if going := await expiring(store, settings):
        message = f"months of {', '.join(going)} expire, although OPENRIDE_ARCHIVE is on"
        return [Finding("retention", "warn", message, _MIGRATE)]
    return []


async def clock_skew(store: ClickHouse, clock: Clock) -> Finding:
    """How far ClickHouse's clock is from `clock`, less what the round trip can explain."""
    before_ms = clock.now_ms()
    row = (await store.select("SELECT toUnixTimestamp64Milli(now64(3)) AS now_ms"))[0]
    after_ms = clock.now_ms()
    theirs_ms = int(row["now_ms"])
    skew_ms = max(0, before_ms - theirs_ms, theirs_ms - after_ms)
    message = f"ClickHouse's clock differs by {skew_ms} ms"
    advice = "synchronise the clocks (NTP): events from the future are rejected"
    if skew_ms > _SKEW_FAIL_MS:
        return Finding("clock", "fail", message, advice)
    return (
        Finding("clock", "warn", message, advice)
        if skew_ms > _SKEW_WARN_MS
        else Finding("clock", "ok", message)
    )


async def check_metadata(patient: Patient) -> Sequence[Finding]:
    """Reachability and revision of the metadata store; no SQLite file is created by looking."""
    url = patient.settings.metadata_url
    try:
        if await asyncio.to_thread(_is_missing_file, url):
            return [Finding("metadata", "fail", f"{url} does not exist", _MIGRATE)]
        revision = await metadata_schema.current(url)
    except (MetadataUnavailable, ConfigurationError) as error:
        return [
            Finding("metadata", "fail", str(error), "start the metadata store, or set OPENRIDE_METADATA_URL")
        ]
    head = metadata_schema.head()
    message = f"{make_url(url).render_as_string()} is at revision {revision}, needed is {head}"
    return [
        Finding("metadata", "ok", message)
        if revision == head
        else Finding("metadata", "fail", message, _MIGRATE)
    ]


def _is_missing_file(url: str) -> bool:
    try:
        parsed = make_url(url)
    except ValueError:
        return False  # the metadata store says it better
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database not in {None, "", ":memory:"}
    return is_file and not Path(parsed.database or "").exists()


async def check_redis(patient: Patient) -> Sequence[Finding]:
    """A ping, where Redis is configured at all."""
    url = patient.settings.redis_url
    if not url:
        return [Finding("redis", "ok", "not configured: each worker has a cache of its own")]
    client = Redis.from_url(url, socket_timeout=_REDIS_TIMEOUT_S, socket_connect_timeout=_REDIS_TIMEOUT_S)
    try:
        await client.ping()
    except (RedisError, OSError) as error:
        # Workers go on without it, only slower.
        return [
            Finding(
                "redis", "warn", f"Redis does not answer: {error}", "start Redis, or unset OPENRIDE_REDIS_URL"
            )
        ]
    finally:
        await client.aclose()
    return [Finding("redis", "ok", "Redis answers")]
