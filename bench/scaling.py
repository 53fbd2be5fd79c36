"""One worker and several on the same backlog: what each event costs, whoever reads it."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import aiohttp

from bench import vitals
from bench.feed import Feed
from bench.measuring import Watch
from bench.payloads import payloads
from bench.peers import PEERS
from bench.stage import Stage, open_stage
from openride_stream.embedded.children import Child
from openride_stream.embedded.ports import LOOPBACK, free_port
from openride_stream.errors import Fatal

_SEED: Final = 2026
_SENT_PER_S: Final = 20_000
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


async def run(events: int, counts: Sequence[int], tell: Callable[[str], None]) -> list[Spent]:
    """The same backlog for each number of workers, each time on a stage of its own.

    Raises:
        Fatal: one ended, they stalled, or not exactly the events that were sent are stored.
    """
    backlog = list(payloads(events, _SEED))
    found = []
    for count in counts:
        session_timeout_s = 6.0 + events / _SENT_PER_S
        async with (
            open_stage(session_timeout_s) as stage,
            Feed.open(stage.settings) as feed,
            _workers(stage, count) as workers,
        ):
            watch = Watch("openride", stage, workers[0], PEERS["openride"])
            await _until_all_hold(stage, count, _READY_WITHIN_S + session_timeout_s)
            primers = await feed.prime()
            await watch.until(primers, _READY_WITHIN_S)
            pids = [worker.pid for worker in workers]
            _signal(pids, signal.SIGSTOP)
            await feed.send_all(backlog)
            before_s, began_s = sum(map(vitals.cpu_s, pids)), time.monotonic()
            _signal(pids, signal.SIGCONT)
            await watch.until(primers + events, _STALLED_AFTER_S)
            took_s, cpu_s = time.monotonic() - began_s, sum(map(vitals.cpu_s, pids)) - before_s
            await watch.check_exact(primers + events)
        found.append(Spent(count, round(events / took_s), round(cpu_s * 1e6 / events, 2)))
        tell(
            f"{count} workers: {found[-1].events_per_s:,} events/s, {found[-1].cpu_us_per_event} µs an event"
        )
    return found


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
