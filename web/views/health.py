"""`GET /health`, `/health/live`, `/health/ready`: no token, no figures."""

import asyncio
from typing import Any, Final

from pydantic import BaseModel

from openride_stream import __version__
from openride_stream.api.operations import Health, Live, Ready
from openride_stream.clickhouse.migrate import current_version
from openride_stream.clickhouse.migrations import head
from openride_stream.errors import OpenRideError
from web.context import Context, WebRuntime
from web.endpoint import Endpoint, Reply
from web.problems import RETRY_AFTER_S

_STORE_TIMEOUT_S: Final = 2.0
_FRESH_S: Final = 1.0
_NOT_READY: Final = {503: "Not ready: the same body, with `reasons`."}


class Readiness:
    """The checks of one worker. The store is asked at most once a second, however many probes come."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._checked_s = float("-inf")
        self._store_trouble: str | None = None

    async def troubles(self, context: Context) -> dict[str, str | None]:
        """What is wrong by check, None where all is well."""
        runtime = context.current()
        if runtime is None:
            return {"worker": "the worker is starting or stopping"}
        return {
            "worker": None,
            "broker": runtime.contact.trouble,
            "partitions": context.group.unready(),
            "ingest": _ingest_trouble(runtime) or context.live.unwritten,
            "circuit": "; ".join(runtime.paused) or None,
            "store": await self._store(runtime),
        }

    async def _store(self, runtime: WebRuntime) -> str | None:
        async with self._lock:
            now_s = runtime.clock.monotonic_s()
            if now_s - self._checked_s >= _FRESH_S:
                self._store_trouble = await _store_trouble(runtime)
                self._checked_s = now_s
            return self._store_trouble


def _ingest_trouble(runtime: WebRuntime) -> str | None:
    if runtime.sink.available:
        return None
    return f"ingest is paused until ClickHouse takes rows again: {runtime.sink.last_error}"


async def _store_trouble(runtime: WebRuntime) -> str | None:
    """Whether ClickHouse answers and has the tables: the schema's version is the ping."""
    try:
        async with asyncio.timeout(_STORE_TIMEOUT_S):
            found = await current_version(runtime.store, runtime.store.database)
    except TimeoutError:
        return f"ClickHouse did not answer within {_STORE_TIMEOUT_S:g} s"
    except OpenRideError as error:
        return str(error)
    if found < head():
        return f"ClickHouse has schema version {found}, {head()} is needed: run `openride migrate`"
    return None


def endpoints() -> tuple[Endpoint, ...]:
    """The three endpoints, sharing one set of checks."""
    readiness = Readiness()

    async def live(context: Context, query: BaseModel) -> dict[str, Any]:
        del context, query
        return {"status": "alive"}

    async def ready(context: Context, query: BaseModel) -> Reply:
        del query
        return _reply(_ready(await readiness.troubles(context)))

    async def health(context: Context, query: BaseModel) -> Reply:
        del query
        troubles = await readiness.troubles(context)
        runtime = context.current()
        return _reply(
            {
                **_ready(troubles),
                "version": __version__,
                "worker": runtime.worker if runtime else None,
                "checks": {check: trouble is None for check, trouble in troubles.items()},
            }
        )

    all_well: dict[str, Any] = {"status": "ready", "reasons": []}
    named = ("worker", "broker", "partitions", "ingest", "circuit", "store")
    checks = dict.fromkeys(named, True)
    whole = {**all_well, "version": __version__, "worker": "host:4711", "checks": checks}
    return (
        Endpoint(
            "GET",
            "/health",
            None,
            "Whether this worker is well, by check.",
            health,
            response=Health,
            example=whole,
            others=_NOT_READY,
        ),
        Endpoint(
            "GET",
            "/health/live",
            None,
            "200 while the process runs: restart it when this does not answer.",
            live,
            response=Live,
            example={"status": "alive"},
        ),
        Endpoint(
            "GET",
            "/health/ready",
            None,
            "200 while the worker reads events and answers; 503 with reasons otherwise.",
            ready,
            response=Ready,
            example=all_well,
            others=_NOT_READY,
        ),
    )


def _ready(troubles: dict[str, str | None]) -> dict[str, Any]:
    reasons = [trouble for trouble in troubles.values() if trouble is not None]
    return {"status": "not_ready" if reasons else "ready", "reasons": reasons}


def _reply(body: dict[str, Any]) -> Reply:
    if body["status"] == "ready":
        return Reply(body)
    return Reply(body, status=503, headers={"Retry-After": str(RETRY_AFTER_S)})
