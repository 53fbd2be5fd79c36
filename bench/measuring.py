"""One run of one peer: warm it up, hold it, give it a backlog, let it go, and watch what becomes of it."""

import asyncio
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench import vitals
from bench.feed import Feed
from bench.latency import latency_ms
from bench.payloads import Payload
from bench.peers import Peer
from bench.stage import Stage, open_stage
from openride_stream.clickhouse.client import Param
from openride_stream.embedded.children import Child
from openride_stream.errors import Fatal
from openride_stream.events.topics import EVENT_TABLES

_READY_WITHIN_S: Final = 120.0
_STALLED_AFTER_S: Final = 60.0
# A poll costs the store some milliseconds of the CPU that the peer needs.
_POLL_S: Final = 0.1
_SENT_PER_S: Final = 20_000
_RATE_SHARE: Final = 0.7
_READ_COUNT: Final = re.compile(r"^read (\d+)$", re.MULTILINE)

CountSeen = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run showed; latencies are None for a peer that stores nothing."""

    events_per_s: float
    cpu_us_per_event: float
    peak_rss_mb: float
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What a peer is given: a backlog, then `paced` events at up to `rate_per_s`."""

    backlog: Sequence[Payload]
    paced: Sequence[Payload]
    rate_per_s: float


async def measure(name: str, peer: Peer, load: Load) -> Figures:
    """Run `peer` once on a stage of its own.

    Raises:
        Fatal: it ended, stalled, or did not store exactly the events it was given.
    """
    # A held consumer is silent for as long as the backlog takes to send.
    session_timeout_s = 6.0 + len(load.backlog) / _SENT_PER_S
    async with (
        open_stage(session_timeout_s) as stage,
        Feed.open(stage.settings) as feed,
        stage.child("peer", peer.argv) as child,
    ):
        watch = Watch(name, stage, child, peer)
        primers = await feed.prime()
        await watch.until(primers, _READY_WITHIN_S + session_timeout_s)
        figures = await _drain(watch, feed, load.backlog, primers)
        if not peer.stores:
            return figures
        done = primers + len(load.backlog)
        await watch.check_exact(done)
        rate_per_s = min(load.rate_per_s, _RATE_SHARE * figures.events_per_s)
        quantiles = await latency_ms(stage, feed, load.paced, rate_per_s, _STALLED_AFTER_S)
        await watch.check_exact(done + len(load.paced))
        rss_mb = vitals.peak_rss_mb(child.pid)
        return Figures(figures.events_per_s, figures.cpu_us_per_event, rss_mb, *quantiles)


async def drained(name: str, peer: Peer, backlog: Sequence[Payload], tables: Sequence[str]) -> Figures:
    """Run `peer` once on a stage of its own with a backlog of records for `tables`, times as they are.

    The first record of each partition warms it up, and is not counted.

    Raises:
        Fatal: it ended, stalled, or did not store exactly the records it was given.
    """
    session_timeout_s = 6.0 + len(backlog) / _SENT_PER_S
    async with (
        open_stage(session_timeout_s) as stage,
        Feed.open(stage.settings) as feed,
        stage.child("peer", peer.argv) as child,
    ):
        watch = Watch(name, stage, child, peer, tables)
        primers, rest = feed.parted(backlog)
        await feed.send_all(primers)
        await watch.until(len(primers), _READY_WITHIN_S + session_timeout_s)
        figures = await _drain(watch, feed, rest, len(primers))
        await watch.check_exact(len(backlog))
        return figures


async def _drain(watch: "Watch", feed: Feed, backlog: Sequence[Payload], before: int) -> Figures:
    pid = watch.child.pid
    os.kill(pid, signal.SIGSTOP)
    await feed.send_all(backlog)
    cpu_before_s = vitals.cpu_s(pid)
    started_s = time.monotonic()
    os.kill(pid, signal.SIGCONT)
    await watch.until(before + len(backlog), _STALLED_AFTER_S)
    elapsed_s = time.monotonic() - started_s
    cpu_us = (vitals.cpu_s(pid) - cpu_before_s) * 1e6
    return Figures(len(backlog) / elapsed_s, cpu_us / len(backlog), vitals.peak_rss_mb(pid))


class Watch:
    """Sees how far a peer has come."""

    def __init__(
        self, name: str, stage: Stage, child: Child, peer: Peer, tables: Sequence[str] = EVENT_TABLES
    ) -> None:
        self.child = child
        self._tables = tables
        self._name = name
        self._stage = stage
        self._seen: CountSeen = self._rows if peer.stores else self._reads

    async def until(self, count: int, stalled_after_s: float) -> None:
        """Return when the peer has come to `count` events; raise `Fatal` when it ends or stands still."""
        seen = -1
        moved_s = time.monotonic()
        while (now := await self._seen()) < count:
            if now != seen:
                seen, moved_s = now, time.monotonic()
            if self.child.exit_code is not None or time.monotonic() - moved_s > stalled_after_s:
                message = f"{self._name} came to {now} of {count} events: {self._stage.log_tail('peer')}"
                raise Fatal(message)
            await asyncio.sleep(_POLL_S)

    async def check_exact(self, count: int) -> None:
        """Raise `Fatal` unless the tables hold exactly `count` distinct events."""
        stored: Counter[str] = Counter()
        for table in self._tables:
            sql = f"SELECT count() AS rows FROM {self._stage.store.database}.{table} FINAL"
            stored[table] = (await self._stage.store.select(sql))[0]["rows"]
        if stored.total() != count:
            message = f"{self._name} was given {count} events and stored {stored.total()}: {dict(stored)}"
            raise Fatal(message)

    async def _rows(self) -> int:
        sql = (
            "SELECT toUInt64(sum(total_rows)) AS rows FROM system.tables "
            "WHERE database = {database:String} AND name IN {tables:Array(String)}"
        )
        asked: dict[str, Param] = {"database": self._stage.store.database, "tables": list(self._tables)}
        rows: int = (await self._stage.store.select(sql, asked))[0]["rows"]
        return rows

    async def _reads(self) -> int:
        counts = _READ_COUNT.findall(self._stage.log_tail("peer"))
        return int(counts[-1]) if counts else 0
