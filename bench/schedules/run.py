"""`openride bench schedules`: a month of executions: how soon each question is answered, how many come in."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

from bench.measuring import drained
from bench.peers import PEERS
from bench.query.asking import quantiles_ms
from bench.query.questions import in_turn
from bench.schedules.feed import backlog, paced
from bench.schedules.history import fill
from bench.schedules.questions import questions
from bench.serving import by_path, serving
from bench.stage import Stage, open_stage
from openride_stream.clickhouse.hours import HOUR_MS, HOURLY, dirty_hours
from openride_stream.errors import Fatal

_SESSION_TIMEOUT_S: Final = 10.0
_BUILT_WITHIN_S: Final = 600.0
_POLL_S: Final = 1.0
_INGESTED_PER_S: Final = 200
"""A hundred times what comes in on average in a history of five million."""
_ROUNDS_AT_ONCE: Final = {"OPENRIDE_PREAGGREGATION_INTERVAL_S": "2"}


async def run(executions: int, arriving: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """The object that `--json` prints; `arriving` executions are a backlog that a worker stores.

    Raises:
        Fatal: the worker ended, or an answer was none.
    """
    ingest = (
        await drained("openride", PEERS["openride"], [*backlog(arriving)], (HOURLY,)) if arriving else None
    )
    if ingest:
        tell(f"{ingest.events_per_s:,.0f} executions/s in, {ingest.cpu_us_per_event:.1f} µs of CPU each")
    now = datetime.now(UTC)
    asked = questions(now)
    async with open_stage(_SESSION_TIMEOUT_S) as stage:
        rows = await fill(stage.store, executions, int(now.timestamp() * 1000), tell)
        tell(f"{rows:,} executions stored")
        async with serving(stage, _ROUNDS_AT_ONCE):
            await _until_built(stage, tell)
        async with serving(stage, {}) as url:
            # A store that has not been asked reads its files, and makes what it keeps of them.
            first = await by_path(url, in_turn([*asked.values()]), 1)
            cold = await by_path(url, in_turn([*asked.values()]), 1)
            tell("asked twice by one client, nothing kept")
            async with _ingesting(stage):
                busy = await by_path(url, in_turn([*asked.values()]), 1)
            tell(f"asked while {_INGESTED_PER_S:,} executions a second came in")
    found: dict[str, Any] = {"executions": rows, "rows": []}
    for path in asked:
        p50, p95, p99 = quantiles_ms(cold[path])
        row = {"name": path, "cold_p50_ms": p50, "cold_p95_ms": p95, "cold_p99_ms": p99}
        row["cold_p95_ms_first"] = quantiles_ms(first[path])[1]
        found["rows"].append(row | {"cold_p95_ms_ingesting": quantiles_ms(busy[path])[1]})
    if ingest:
        found["ingest"] = {
            "executions_per_s": round(ingest.events_per_s),
            "cpu_us_per_execution": round(ingest.cpu_us_per_event, 1),
            "peak_rss_mb": round(ingest.peak_rss_mb, 1),
        }
    return found


@asynccontextmanager
async def _ingesting(stage: Stage) -> AsyncIterator[None]:
    """Executions of now come in, and the worker that answers stores them."""
    sending = asyncio.create_task(paced(stage.settings, _INGESTED_PER_S))
    try:
        yield
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _until_built(stage: Stage, tell: Callable[[str], None]) -> None:
    """Return when rounds have built every hour of the history."""
    began_s, last = time.monotonic(), time.time_ns() // 1_000_000 // HOUR_MS
    while left := [touched for touched in await dirty_hours(stage.store) if touched.hour <= last]:
        if time.monotonic() - began_s > _BUILT_WITHIN_S:
            message = f"{len(left)} hours were not built: {stage.log_tail('peer')}"
            raise Fatal(message)
        await asyncio.sleep(_POLL_S)
    tell(f"hours built within {time.monotonic() - began_s:.0f} s")
