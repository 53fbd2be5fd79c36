"""The watch over the live series: judges the last hour every few seconds, tells of what is unusual once."""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from aiohttp import ClientError, ClientSession, ClientTimeout

from openride_stream.clock import rfc3339
from openride_stream.errors import Rejected, Transient
from openride_stream.metadata.jobs import JobRuns, Span
from openride_stream.metrics import Metrics
from openride_stream.runtime import Runtime
from openride_stream.settings import Settings
from tables.anomalies import MINUTE_MS, SERIES, Anomaly, Baseline, Observed, Score, anomalies, scores
from tables.minutes import minutes
from tables.state import LiveState
from tables.unread import unread
from tables.usual import usual

logger = logging.getLogger(__name__)

_LOOK_INTERVAL_S: Final = 10.0
_BASELINE_MS: Final = 600_000
# What comes in later than that after its minute has ended would make each newest window look low.
_SETTLED_MS: Final = 60_000
_LEASE_S: Final = 60.0
_TRIES: Final = 3
_PAUSE_S: Final = 1.0
_TRY_TIMEOUT_S: Final = 5.0
JOB: Final = "anomaly"

Told = dict[str, str | float]


class Watched(Protocol):
    """The live tables, as the watch looks at them."""

    @property
    def state(self) -> LiveState:
        """What is known."""
        ...

    def trouble(self, now_ms: int) -> str | None:
        """Why figures may be incomplete; None when they are whole."""
        ...


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the watch found.

    Attributes:
        until_ms: up to when (since the epoch); None while nothing can be judged.
        why: and why that is so.
        days: how many earlier days say what is usual.
        newest: the last window of each series.
        anomalies: of the last hour, series by series in order of time.
    """

    until_ms: int | None = None
    why: str | None = "the watch has not looked yet"
    days: int = 0
    newest: list[Score] = field(default_factory=list)
    anomalies: list[Anomaly] = field(default_factory=list)


class AnomalyWatch:
    """Judges for one worker; what is new is told by whichever worker is the first to claim it."""

    def __init__(self, settings: Settings, metrics: Metrics, running: Callable[[], Runtime]) -> None:
        self._settings = settings
        self._metrics = metrics
        self._running = running
        self._baseline: Baseline | None = None
        self._asked_ms = 0
        self.judgement = Judgement()

    async def run(self, live: Watched) -> None:
        """Look every ten seconds until cancelled."""
        while True:
            try:
                await self.look(live)
            except (Transient, Rejected) as error:
                # Not worth a worker: nothing is judged until the stores answer.
                logger.warning("Live series are not judged", extra={"error": str(error)})
                self._judge(Judgement(why="a store is away"))
            await asyncio.sleep(_LOOK_INTERVAL_S)

    async def look(self, live: Watched) -> None:
        """Judge once, and tell of what is new.

        Raises:
            Transient: a store does not answer.
            Rejected: ClickHouse refused the question.
        """
        runtime = self._running()
        now_ms = runtime.clock.now_ms()
        waiting = unread(await runtime.workers.alive(), self._settings)
        trouble = live.trouble(now_ms) or waiting.why
        self._judge(
            await self._judged(live.state, now_ms, waiting.waits_ms)
            if trouble is None
            else Judgement(why=trouble)
        )
        for anomaly in self.judgement.anomalies:
            await self._tell(anomaly, runtime)

    def _judge(self, judgement: Judgement) -> None:
        self.judgement = judgement
        known = {score.series: score.score for score in judgement.newest}
        for series in SERIES:
            # What is not judged must not look as it did when it was.
            self._metrics.anomaly_deviations.labels(series).set(known.get(series, math.nan))

    async def _judged(self, state: LiveState, now_ms: int, waits_ms: int) -> Judgement:
        if self._baseline is None or not 0 <= now_ms - self._asked_ms < _BASELINE_MS:
            settings, store = self._settings, self._running().store
            self._baseline = await usual(store, now_ms, settings.currency, settings.anomaly_days)
            self._asked_ms = now_ms
        return judged(state, now_ms, self._baseline, self._settings, waits_ms)

    async def _tell(self, anomaly: Anomaly, runtime: Runtime) -> None:
        """Post it, unless somebody has told of it, with whatever ends: the store decides."""
        url = self._settings.anomaly_webhook_url.get_secret_value()
        if not url:
            return
        runs = JobRuns(runtime.metadata, runtime.clock)
        job = f"{JOB}:{anomaly.series}:{anomaly.direction}"
        # A late event, or days asked for at another moment, moves its ends by minutes, or cuts it in two.
        window_ms = self._settings.anomaly_window_minutes * MINUTE_MS
        span = Span(anomaly.start_ms, anomaly.end_ms, window_ms)
        if anomaly.ongoing:
            # Somebody was told when it began; when its first window is cut off, that must be known.
            await runs.cover(job, span)
            return
        slot = await runs.claim_span(job, span, runtime.worker, _LEASE_S)
        if slot is None:
            return
        error = await _posted(url, told(anomaly))
        if error is not None:
            logger.error("Nobody was told of an anomaly", extra={"series": anomaly.series, "error": error})
        await runs.finish(job, slot, runtime.worker, "failed" if error else "completed", error or "")


def judged(
    state: LiveState, now_ms: int, baseline: Baseline, settings: Settings, waits_ms: int = 0
) -> Judgement:
    """The last hour of a live state, at `now_ms` since the epoch, but for the minutes that are not read yet.

    `waits_ms` is how long ago the oldest event may have come that is still to be read.
    """
    if not baseline.series:
        return Judgement(why=f"too few days like this one are known: {baseline.days}", days=baseline.days)
    until_ms = (now_ms - max(_SETTLED_MS, waits_ms)) // MINUTE_MS * MINUTE_MS
    hour = [one for one in minutes(state, now_ms, settings.currency) if one.start_ms < until_ms]
    if len(hour) < settings.anomaly_window_minutes:
        why = f"what came in during the last {waits_ms // MINUTE_MS} minutes is not read yet"
        return Judgement(why=why, days=baseline.days)
    weight = settings.anomaly_ewma_weight if settings.anomaly_baseline == "ewma" else None
    newest: list[Score] = []
    found: list[Anomaly] = []
    for series in SERIES:
        numbers = np.array([float(getattr(one, series)) for one in hour])
        observed = Observed(series, hour[0].start_ms, numbers)
        given = scores(observed, baseline, settings.anomaly_window_minutes, weight)
        newest += given[-1:]
        found += anomalies(given, settings.anomaly_score)
    return Judgement(until_ms, None, baseline.days, newest, found)


def level(score: Score) -> Told:
    """Some minutes as they are answered: moments in RFC 3339."""
    return {
        "series": score.series,
        "start": rfc3339(score.start_ms),
        "end": rfc3339(score.end_ms),
        **{name: round(getattr(score, name), 2) for name in ("observed", "expected", "score")},
    }


def told(anomaly: Anomaly) -> Told:
    """An anomaly as it is posted and answered."""
    whole = {"start": rfc3339(anomaly.start_ms), "end": rfc3339(anomaly.end_ms)}
    return {**level(anomaly.peak), **whole, "direction": anomaly.direction}


async def _posted(url: str, body: Told) -> str | None:
    """Why it could not be posted; None when it was."""
    error = ""
    async with ClientSession(timeout=ClientTimeout(total=_TRY_TIMEOUT_S)) as client:
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(_PAUSE_S * 2**attempt)
            try:
                async with client.post(url, json=body) as response:
                    if response.ok:
                        return None
                    error = f"it answered {response.status}"
            except (ClientError, TimeoutError, ValueError) as failure:
                # Without its words: they may hold the address.
                error = type(failure).__name__
    return error
