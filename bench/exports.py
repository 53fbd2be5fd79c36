"""Exports: how long they take, and what an Excel file costs those who wait for their events meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import aiohttp

from bench.feed import Feed
from bench.latency import latency_ms
from bench.measuring import Watch
from bench.memory import memory_of
from bench.pairs import Ratios, is_second_first
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
# Not within the measurement: some stretches would have a round and some not.
_ROUNDS_S: Final = "3600"
_SESSION_TIMEOUT_S: Final = 10.0
_READY_WITHIN_S: Final = 120.0
_STALLED_AFTER_S: Final = 60.0
_ENDS_WITHIN_S: Final = 180.0
_POLL_S: Final = 0.1
# While events are measured: the worker answers.
_ASK_EVERY_S: Final = 1.0
# Each look takes as much of the store as a second of an export's query.
_LOOK_EVERY_S: Final = 0.2
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
    ("excel", _ROWS),
)


@dataclass(frozen=True, slots=True)
class Written:
    """One export, alone: seconds from start to end, and memory in MiB.

    That is by how much the worker and the store grew at most, and the most that the process held which wrote
    the file: before, there was none.
    """

    format: str
    rows: int
    seconds: float
    worker_grew_mb: float
    writer_peak_mb: float
    store_grew_mb: float

    def __str__(self) -> str:
        return (
            f"{self.rows:,} rows as {self.format}: {self.seconds} s, worker + {self.worker_grew_mb} MiB, "
            f"writing process {self.writer_peak_mb} MiB, store + {self.store_grew_mb} MiB"
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """Seconds of ingest: from produce to queryable in milliseconds, and how many Excel files were written."""

    files: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it. Stretches `alone` and those `beside` exports took turns."""

    written: list[Written]
    alone: list[Stretch]
    beside: list[Stretch]
    rate_per_s: int

    @property
    def ratios(self) -> Ratios:
        """p95 beside Excel exports as a share of that without, of pairs that follow one another.

        Latency grows with what the store and the broker hold: what a pair has in common is its moment.
        """
        return Ratios([one.p95_ms for one in self.alone], [one.p95_ms for one in self.beside])


async def run(rate_per_s: int, repeats: int, files: bool, tell: Callable[[str], None]) -> Found:
    """One worker and a million rows, then `repeats` pairs of stretches with and without Excel files.

    Every other pair begins with the files, so that what grows meanwhile is on both sides.

    Raises:
        Fatal: the worker ended or stalled, an export failed, or not exactly the events sent are stored.
    """
    peer = PEERS["openride"]
    async with (
        open_stage(_SESSION_TIMEOUT_S, preaggregation_interval_s=_ROUNDS_S) as stage,
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
        written = [await _alone(stage, *one, tell) for one in (_FILES if files else ())]
        alone: list[Stretch] = []
        beside: list[Stretch] = []
        for number in range(2 * repeats):
            paced = [renewed(payload, number + 2) for payload in events[: rate_per_s * _PACED_S]]
            with_files = is_second_first(number // 2) == (number % 2 == 0)
            stretch = await _stretch(stage, feed, paced, rate_per_s, with_files=with_files)
            (beside if with_files else alone).append(stretch)
            sent += len(paced)
            tell(f"p50 {stretch.p50_ms:.0f}, p95 {stretch.p95_ms:.0f} ms beside {stretch.files} Excel files")
        await watch.check_exact(sent)
    return Found(written, alone, beside, rate_per_s)


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


async def _alone(stage: Stage, form: str, rows: int, tell: Callable[[str], None]) -> Written:
    pids = stage.pids
    async with memory_of(pids["peer"], pids["clickhouse"]) as memory, _export(stage, form, rows) as status:
        deadline_s = time.monotonic() + _ENDS_WITHIN_S
        while (told := await status())["status"] in ("pending", "processing"):
            if time.monotonic() > deadline_s:
                break
            await asyncio.sleep(_POLL_S)
    if told["rows"] != rows or told["status"] != "completed":
        message = f"an export of {rows} rows as {form} is {told['status']}: {told['error']}"
        raise Fatal(message)
    began, ended = (datetime.fromisoformat(told[name]) for name in ("started_at", "completed_at"))
    grown = (memory.worker_grew_mb, memory.child_peak_mb, memory.store_grew_mb)
    seconds = round((ended - began).total_seconds(), 2)
    written = Written(form, rows, seconds, *(round(mb, 1) for mb in grown))
    tell(str(written))
    return written


async def _stretch(
    stage: Stage, feed: Feed, events: list[Payload], rate_per_s: int, *, with_files: bool
) -> Stretch:
    written: list[str] = []
    # Two loops: while one file is written the next one waits, so that there is always one.
    writing = [asyncio.create_task(_write_on(stage, written)) for _ in range(2 if with_files else 0)]
    try:
        if with_files:
            await _until(lambda: bool(written), "an Excel file")
            written.clear()
        p50_ms, p95_ms, _ = await latency_ms(
            stage, feed, events, rate_per_s, _STALLED_AFTER_S, poll_s=_LOOK_EVERY_S
        )
        files = len(written)
        for failed in (task for task in writing if task.done()):
            failed.result()
    finally:
        for task in writing:
            task.cancel()
        await asyncio.gather(*writing, return_exceptions=True)
    return Stretch(files, p50_ms, p95_ms)


async def _write_on(stage: Stage, written: list[str]) -> None:
    while True:
        async with _export(stage, "excel", 100_000) as status:
            deadline_s = time.monotonic() + _ENDS_WITHIN_S
            while (told := await status())["status"] in ("pending", "processing"):
                if time.monotonic() > deadline_s:
                    break
                await asyncio.sleep(_ASK_EVERY_S)
            if told["status"] != "completed":
                message = f"an export is {told['status']}: {told['error']}"
                raise Fatal(message)
            written.append(told["export_id"])


async def _until(true: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + _ENDS_WITHIN_S
    while not true():
        if time.monotonic() > deadline_s:
            message = f"{what} was not written"
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

        try:
            yield status
        finally:
            await session.delete(f"{url}/{export_id}")
