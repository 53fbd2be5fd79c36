"""One worker and several on the same backlog: what each event costs, whoever reads it."""

import asyncio
import os
import signal
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import aiohttp

from bench import vitals
from bench.feed import Feed
from bench.measuring import Watch
from bench.payloads import Payload, payloads, renewed
from bench.peers import PEERS
from bench.stage import Stage, open_stage
from openride_stream.embedded.children import Child
from openride_stream.embedded.ports import LOOPBACK, free_port
from openride_stream.errors import Fatal

_SEED: Final = 2026
_SENT_PER_S: Final = 20_000
_WARM_SHARE: Final = 3
_READY_WITHIN_S: Final = 120.0
_STALLED_AFTER_S: Final = 60.0
_POLL_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Spent:
    """What a number of workers took for a backlog; CPU is of all of them together."""

    workers: int
    events_per_s: float
    cpu_us_per_event: float

    def as_json(self) -> dict[str, Any]:
        """A row that `--json` prints."""
        return asdict(self)


async def run(
    events: int, counts: Sequence[int], repeats: int, rate_per_s: int, tell: Callable[[str], None]
) -> list[Spent]:
    """The same events for each number of workers, in turns, each time on a stage of its own; medians.

    At `rate_per_s`; 0: all of them wait when the workers begin, and keep every core busy.

    Raises:
        Fatal: one ended, they stalled, or not exactly the events that were sent are stored.
    """
    backlog = list(payloads(events, _SEED))
    runs: dict[int, list[Spent]] = {count: [] for count in counts}
    for _ in range(repeats):
        for count, spent in runs.items():
            spent.append(last := await _stored(backlog, count, rate_per_s))
            tell(f"{count} workers: {last.events_per_s:,} events/s, {last.cpu_us_per_event} µs an event")
    return [_median(spent) for spent in runs.values()]


async def _stored(backlog: Sequence[Payload], count: int, rate_per_s: int) -> Spent:
    events = len(backlog)
    session_timeout_s = 6.0 + events / _SENT_PER_S
    async with (
        open_stage(session_timeout_s) as stage,
        Feed.open(stage.settings) as feed,
        _workers(stage, count) as workers,
    ):
        watch = Watch("openride", stage, workers[0], PEERS["openride"])
        await _until_all_hold(stage, count, _READY_WITHIN_S + session_timeout_s)
        # First the program grows to its size: pages that were never used cost a worker once, not an event.
        before = await feed.prime()
        await feed.send_all([renewed(payload, 1) for payload in backlog[: events // _WARM_SHARE]])
        before += events // _WARM_SHARE
        await watch.until(before, _READY_WITHIN_S)
        pids = [worker.pid for worker in workers]
        if not rate_per_s:
            _signal(pids, signal.SIGSTOP)
            await feed.send_all(backlog)
        before_s, began_s = sum(map(vitals.cpu_s, pids)), time.monotonic()
        if rate_per_s:
            await feed.send_at_rate(backlog, rate_per_s)
        else:
            _signal(pids, signal.SIGCONT)
        await watch.until(before + events, _STALLED_AFTER_S)
        took_s, cpu_s = time.monotonic() - began_s, sum(map(vitals.cpu_s, pids)) - before_s
        await watch.check_exact(before + events)
    return Spent(count, round(events / took_s), round(cpu_s * 1e6 / events, 2))


def _median(runs: Sequence[Spent]) -> Spent:
    return Spent(
        runs[0].workers,
        statistics.median(spent.events_per_s for spent in runs),
        round(statistics.median(spent.cpu_us_per_event for spent in runs), 2),
    )


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


@asynccontextmanager
async def _workers(stage: Stage, count: int) -> AsyncIterator[list[Child]]:
    """Workers of one group; the first is `peer` and has the stage's own port."""
    async with AsyncExitStack() as running:
        ports = {int(stage.env["OPENRIDE_WEB_PORT"])}
        workers = [await running.enter_async_context(stage.child("peer", PEERS["openride"].argv))]
        for number in range(2, count + 1):
            port = free_port(avoid=frozenset(ports))
            ports.add(port)
            beside = replace(stage, env={**stage.env, "OPENRIDE_WEB_PORT": str(port)})
            workers.append(
                await running.enter_async_context(beside.child(f"worker-{number}", PEERS["openride"].argv))
            )
        yield workers


async def _until_all_hold(stage: Stage, count: int, within_s: float) -> None:
    """Return when so many workers hold partitions, and nobody else has to take one."""
    url = f"http://{LOOPBACK}:{stage.env['OPENRIDE_WEB_PORT']}/v1/workers"
    deadline_s = time.monotonic() + within_s
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline_s:
            try:
                async with session.get(url) as answer:
                    fleet = await answer.json()
            except (aiohttp.ClientError, OSError, ValueError):
                fleet = {}
            holding = [worker for worker in fleet.get("workers", ()) if worker["partitions"]]
            if len(holding) == count and not fleet["unheld"]:
                return
            await asyncio.sleep(_POLL_S)
    message = f"{count} workers did not share the partitions: {stage.log_tail('peer')}"
    raise Fatal(message)
