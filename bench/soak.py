"""One worker for a long time: does its memory stay flat, and is everything there in the end?"""

import asyncio
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from bench import vitals
from bench.feed import Feed
from bench.measuring import Watch
from bench.payloads import Payload, payloads, renewed
from bench.peers import PEERS
from bench.stage import open_stage
from bench.throttle import throttled

_SEED: Final = 2028
_POOL: Final = 200_000
_SAMPLE_INTERVAL_S: Final = 1.0
_READY_WITHIN_S: Final = 120.0
_SESSION_TIMEOUT_S: Final = 10.0
_STALLED_AFTER_S: Final = 120.0
_LINE_INTERVAL_S: Final = 15.0
# What comes before is the program filling its buffers for the first time.
_WARM_SHARE: Final = 0.2
_POINTS: Final = 10


@dataclass(frozen=True, slots=True)
class Soak:
    """`events` at `rate_per_s`, into a store that takes `store_rows_per_s` (0: all that it can)."""

    events: int
    rate_per_s: float
    store_rows_per_s: float


@dataclass(frozen=True, slots=True)
class Course:
    """What came of it; memory is resident, in MiB, at evenly spaced moments while events came in.

    Once warm, as shares of the median: `swing` is the distance from the least to the most memory, `drift`
    how far the median of any tenth of the time is from it, so whether memory stays flat. `drained_s`
    is how long the rest took to be stored after the last event was sent, the throttle gone.
    """

    events: int
    sent_per_s: float
    rss_mb: list[float]
    peak_rss_mb: float
    swing: float
    drift: float
    drained_s: float

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {name: getattr(self, name) for name in self.__slots__}


async def run(soak: Soak, tell: Callable[[str], None]) -> Course:
    """Run the application once.

    Raises:
        Fatal: it ended, stalled, or did not store exactly the events it was given.
    """
    peer = PEERS["openride"]
    async with (
        open_stage(_SESSION_TIMEOUT_S) as stage,
        throttled(stage.env["OPENRIDE_CLICKHOUSE_URL"]) as (
            throttle,
            url,
        ),
    ):
        behind = replace(stage, env={**stage.env, "OPENRIDE_CLICKHOUSE_URL": url})
        async with Feed.open(stage.settings) as feed, behind.child("peer", peer.argv) as child:
            watch = Watch("openride", behind, child, peer)
            primers = await feed.prime()
            await watch.until(primers, _READY_WITHIN_S)
            throttle.rows_per_s = soak.store_rows_per_s
            sampling = asyncio.create_task(_sampled(child.pid, tell))
            began_s = time.monotonic()
            for piece in pieces(soak.events):
                await feed.send_at_rate(piece, soak.rate_per_s)
            sent_s = time.monotonic() - began_s
            sampling.cancel()
            samples = await sampling
            throttle.rows_per_s = 0.0
            await watch.until(primers + soak.events, _STALLED_AFTER_S)
            drained_s = time.monotonic() - began_s - sent_s
            await watch.check_exact(primers + soak.events)
            # The kernel's own peak is counted in batches of pages, so a sample may be a little above it.
            peak_mb = max(vitals.peak_rss_mb(child.pid), *samples)
            return _course(soak, samples, sent_s, drained_s, peak_mb)


def pieces(events: int) -> Iterator[list[Payload]]:
    """The same pool of events again and again, each time under other identities."""
    pool = list(payloads(min(events, _POOL), _SEED))
    for cycle in itertools.count():
        left = events - cycle * len(pool)
        if left <= 0:
            return
        yield [renewed(payload, cycle) for payload in pool[:left]]


async def _sampled(pid: int, tell: Callable[[str], None]) -> list[float]:
    """The worker's memory every second, until cancelled."""
    samples = [vitals.rss_mb(pid)]
    told_s = time.monotonic()
    try:
        while True:
            await asyncio.sleep(_SAMPLE_INTERVAL_S)
            samples.append(vitals.rss_mb(pid))
            if time.monotonic() - told_s >= _LINE_INTERVAL_S:
                told_s = time.monotonic()
                tell(f"{len(samples):,} s: {samples[-1]:,.0f} MiB")
    except asyncio.CancelledError:
        return samples


def _course(soak: Soak, samples: list[float], sent_s: float, drained_s: float, peak_mb: float) -> Course:
    warm = samples[int(len(samples) * _WARM_SHARE) :]
    middle = statistics.median(warm)
    tenth = max(1, len(warm) // _POINTS)
    tenths = [statistics.median(warm[at : at + tenth]) for at in range(0, len(warm) - tenth + 1, tenth)]
    step = max(1, len(samples) // _POINTS)
    return Course(
        events=soak.events,
        sent_per_s=round(soak.events / sent_s),
        rss_mb=[round(sample) for sample in samples[::step]],
        peak_rss_mb=round(peak_mb),
        swing=round((max(warm) - min(warm)) / middle, 3),
        drift=round(max(abs(of_tenth - middle) for of_tenth in tenths) / middle, 3),
        drained_s=round(drained_s, 1),
    )
