"""Exports: how long they take, and what an Excel file costs those who wait for their events meanwhile."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import aiohttp

from bench import vitals
from bench.feed import Feed
from bench.latency import latency_ms
from bench.measuring import Watch
from bench.payloads import Payload, payloads, renewed
from bench.peers import PEERS
from bench.stage import Stage, open_stage
from openride_stream.embedded.ports import LOOPBACK
from openride_stream.errors import Fatal

Status = Callable[[], Awaitable[dict[str, Any]]]

_SEED: Final = 2029
_ROWS: Final = 1_000_000
_PACED_S: Final = 8
_WARM_EVENTS: Final = 100_000
_SESSION_TIMEOUT_S: Final = 10.0
_READY_WITHIN_S: Final = 120.0
_STALLED_AFTER_S: Final = 60.0
_ENDS_WITHIN_S: Final = 180.0
_POLL_S: Final = 0.1
# Nine columns of several kinds.
_QUERY: Final = (
    "SELECT event_id, event_timestamp, driver_id, trip_id, city, lat, lon, speed_kmh, offset "
    "FROM location_events WHERE city = 'Bench'"
)
_FILES: Final = (
    ("csv", 100_000),
    ("parquet", 100_000),
    ("csv", _ROWS),
    ("parquet", _ROWS),
    ("excel", 100_000),
)


@dataclass(frozen=True, slots=True)
class Written:
    """One export, alone: seconds from start to end, and by how much the worker's memory grew (MiB)."""

    format: str
    rows: int
    seconds: float
    worker_grew_mb: float


@dataclass(frozen=True, slots=True)
class Latency:
    """From produce to queryable in milliseconds, with no export and while an Excel file is written."""

    alone_p50_ms: float
    alone_p95_ms: float
    beside_p50_ms: float
    beside_p95_ms: float


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it; `ratio` is that of the medians of the p95."""

    written: list[Written]
    latencies: list[Latency]
    rate_per_s: int

    @property
    def ratio(self) -> float:
        """Latency beside an export as a share of that without one."""
        beside = statistics.median(latency.beside_p95_ms for latency in self.latencies)
        return beside / statistics.median(latency.alone_p95_ms for latency in self.latencies)


async def run(rate_per_s: int, repeats: int, files: bool, tell: Callable[[str], None]) -> Found:
    """One worker and a million rows, then `repeats` pairs of seconds with and without an Excel file.

    Raises:
        Fatal: the worker ended or stalled, an export failed, or not exactly the events sent are stored.
    """
    peer = PEERS["openride"]
    async with (
        open_stage(_SESSION_TIMEOUT_S) as stage,
        Feed.open(stage.settings) as feed,
        stage.child("peer", peer.argv) as child,
    ):
        watch = Watch("openride", stage, child, peer)
        sent = await feed.prime()
        await watch.until(sent, _READY_WITHIN_S)
        await _fill(stage)
        sent += _ROWS
        events = list(payloads(max(rate_per_s * _PACED_S, _WARM_EVENTS), _SEED))
        await feed.send_all([renewed(payload, 1) for payload in events[:_WARM_EVENTS]])
        sent += _WARM_EVENTS
        await watch.until(sent, _STALLED_AFTER_S)
        written = [await _alone(stage, child.pid, *one, tell) for one in (_FILES if files else ())]
        latencies = []
        for number in range(repeats):
            pair = await _pair(stage, feed, events[: rate_per_s * _PACED_S], rate_per_s, 2 * number + 2)
            latencies.append(pair)
            sent += 2 * rate_per_s * _PACED_S
            tell(f"p95 {pair.alone_p95_ms:.0f} ms alone, {pair.beside_p95_ms:.0f} ms beside an Excel file")
        await watch.check_exact(sent)
    return Found(written, latencies, rate_per_s)


async def _fill(stage: Stage) -> None:
    """Rows of a day that is over; whoever counts events counts them."""
    await stage.store.execute(
        f"INSERT INTO {stage.store.database}.location_events (event_id, event_type, event_timestamp, city, "
        "driver_id, trip_id, lat, lon, speed_kmh, payload, topic, partition, offset) "
        "SELECT generateUUIDv4(), 'driver.location.updated', "
        "toStartOfDay(now()) - 86400 + number % 86000, 'Bench', "
        "toUUID(concat('00000000-0000-4000-8000-', leftPad(toString(number % 1000), 12, '0'))), "
        "if(number % 3 = 0, NULL, generateUUIDv4(1)), 6 + number / 1e7, 3 + number / 1e7, number % 90 + 0.5, "
        f"'{{}}', 'openride.events.location', 0, number FROM numbers({_ROWS})"
    )


async def _alone(stage: Stage, pid: int, form: str, rows: int, tell: Callable[[str], None]) -> Written:
    before_mb = most_mb = vitals.rss_mb(pid)
    async with _export(stage, form, rows) as status:
        while (told := await status())["status"] in ("pending", "processing"):
            most_mb = max(most_mb, vitals.rss_mb(pid))
            await asyncio.sleep(_POLL_S)
    if told["rows"] != rows:
        message = f"an export of {rows} rows as {form} is {told['status']}: {told['error']}"
        raise Fatal(message)
    began, ended = (datetime.fromisoformat(told[name]) for name in ("started_at", "completed_at"))
    written = Written(form, rows, round((ended - began).total_seconds(), 2), round(most_mb - before_mb, 1))
    tell(f"{rows:,} rows as {form}: {written.seconds} s, worker + {written.worker_grew_mb} MiB")
    return written


async def _pair(stage: Stage, feed: Feed, events: list[Payload], rate_per_s: int, cycle: int) -> Latency:
    alone = await latency_ms(
        stage, feed, [renewed(payload, cycle) for payload in events], rate_per_s, _STALLED_AFTER_S
    )
    async with _export(stage, "excel", 100_000) as status:
        await _until_not(status, "pending")
        beside = await latency_ms(
            stage, feed, [renewed(payload, cycle + 1) for payload in events], rate_per_s, _STALLED_AFTER_S
        )
        if (told := await status())["status"] != "processing":
            message = f"the export was {told['status']} before the events were sent: {told['error']}"
            raise Fatal(message)
        await _until_not(status, "processing")
    return Latency(*alone[:2], *beside[:2])


async def _until_not(status: Status, state: str) -> None:
    deadline_s = time.monotonic() + _ENDS_WITHIN_S
    while (await status())["status"] == state:
        if time.monotonic() > deadline_s:
            message = f"the export is still {state}"
            raise Fatal(message)
        await asyncio.sleep(_POLL_S)


@asynccontextmanager
async def _export(stage: Stage, form: str, rows: int) -> AsyncIterator[Status]:
    """An export that was asked for; gives what asks for its status. It is deleted at the end."""
    url = f"http://{LOOPBACK}:{stage.env['OPENRIDE_WEB_PORT']}/v1/exports"
    async with aiohttp.ClientSession() as session:
        asked = {"query": _QUERY, "format": form, "row_limit": rows}
        async with session.post(f"{url}/request", json=asked) as answer:
            told = await answer.json()
        if "export_id" not in told:
            message = f"the export was refused: {told}"
            raise Fatal(message)
        export_id = told["export_id"]

        async def status() -> dict[str, Any]:
            async with session.get(f"{url}/{export_id}/status") as answer:
                found: dict[str, Any] = await answer.json()
                return found

        yield status
        await session.delete(f"{url}/{export_id}")
