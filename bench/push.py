"""What it costs events when many listen: how soon they are queryable with a thousand clients and without."""

import asyncio
import json
import statistics
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from bench import vitals
from bench.feed import Feed
from bench.latency import latency_ms
from bench.measuring import Watch
from bench.pairs import Ratios, is_second_first
from bench.payloads import Payload, payloads, renewed
from bench.peers import PEERS
from bench.stage import Stage, open_stage
from openride_stream.embedded.ports import LOOPBACK
from openride_stream.errors import Fatal

_SEED: Final = 2029
_READY_WITHIN_S: Final = 120.0
_STALLED_AFTER_S: Final = 60.0
_LISTEN_WITHIN_S: Final = 60.0
_SESSION_TIMEOUT_S: Final = 10.0
_WARM_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Crowd:
    """`clients` listen while `events` come in at `rate_per_s`; each of `repeats` with them and without."""

    clients: int
    events: int
    rate_per_s: float
    repeats: int


@dataclass(slots=True)
class Stretch:
    """Some seconds of events: from produce to queryable, and what an event took of the worker's CPU."""

    p50_ms: float
    p95_ms: float
    cpu_us_per_event: float


@dataclass(slots=True)
class Cost:
    """Stretches without and with clients, in turns; `heard` is what the clients told of each."""

    without: list[Stretch] = field(default_factory=list)
    crowded: list[Stretch] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ratios(self) -> Ratios:
        """p95 with clients as a share of that without, of pairs that follow one another."""
        return Ratios([one.p95_ms for one in self.without], [one.p95_ms for one in self.crowded])

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        names = Stretch.__slots__
        return {
            "without": {name: self._median(self.without, name) for name in names},
            "with": {name: self._median(self.crowded, name) for name in names},
            "p95_ratio": self.ratios.as_json(),
            "stretches_p95_ms": {
                "without": [one.p95_ms for one in self.without],
                "with": [one.p95_ms for one in self.crowded],
            },
            "heard": self.heard,
        }

    def _median(self, stretches: list[Stretch], name: str) -> float:
        return round(float(statistics.median(getattr(one, name) for one in stretches)), 2)


async def run(crowd: Crowd, tell: Callable[[str], None]) -> Cost:
    """One worker on a stage of its own; `repeats` pairs of a stretch with clients and one without.

    Raises:
        Fatal: it ended, stalled, a client was sent away, or not exactly the events that were sent are stored.
    """
    pool = list(payloads(crowd.events, _SEED))
    peer, cost = PEERS["openride"], Cost()
    async with (
        open_stage(_SESSION_TIMEOUT_S) as stage,
        Feed.open(stage.settings) as feed,
        stage.child("peer", peer.argv) as child,
    ):
        watch = Watch("openride", stage, child, peer)
        sent = await feed.prime()
        await watch.until(sent, _READY_WITHIN_S)
        # First the program grows to its size.
        warm = [renewed(payload, 1) for payload in pool[: int(len(pool) * _WARM_SHARE)]]
        await latency_ms(stage, feed, warm, crowd.rate_per_s, _STALLED_AFTER_S)
        sent += len(warm)
        for number in range(2 * crowd.repeats):
            events = [renewed(payload, 2 + number) for payload in pool]
            if is_second_first(number // 2) == (number % 2 == 0):
                async with _listeners(stage, crowd.clients, cost.heard):
                    cost.crowded.append(await _stretch(stage, feed, child.pid, events, crowd.rate_per_s))
                tell(f"with {crowd.clients} clients: {cost.crowded[-1]}, {cost.heard[-1]}")
            else:
                cost.without.append(await _stretch(stage, feed, child.pid, events, crowd.rate_per_s))
                tell(f"without: {cost.without[-1]}")
            sent += len(pool)
        await watch.check_exact(sent)
    return cost


async def _stretch(stage: Stage, feed: Feed, pid: int, events: list[Payload], rate_per_s: float) -> Stretch:
    before_s = vitals.cpu_s(pid)
    p50_ms, p95_ms, _ = await latency_ms(stage, feed, events, rate_per_s, _STALLED_AFTER_S)
    return Stretch(p50_ms, p95_ms, round((vitals.cpu_s(pid) - before_s) * 1e6 / len(events), 2))


@asynccontextmanager
async def _listeners(stage: Stage, clients: int, heard: list[dict[str, Any]]) -> AsyncIterator[None]:
    """So many clients in a process of their own, each with an answer already; what they heard is added."""
    url = f"http://{LOOPBACK}:{stage.env['OPENRIDE_WEB_PORT']}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.listeners", url, str(clients)),
        env=dict(stage.env),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None, "piped"
    assert process.stdout is not None, "piped"
    try:
        async with asyncio.timeout(_LISTEN_WITHIN_S):
            if await process.stdout.readline() != f"listening {clients}\n".encode():
                message = f"{clients} clients could not listen: {stage.log_tail('peer')}"
                raise Fatal(message)
        yield
        process.stdin.write(b"\n")
        async with asyncio.timeout(_LISTEN_WITHIN_S):
            told = json.loads(await process.stdout.readline() or b"{}")
        if told.get("clients") != clients:
            message = f"clients were sent away: {told}"
            raise Fatal(message)
        heard.append(told)
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
