"""Keeps one child running: starts it when what it needs is ready, and again when it dies."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from openride_stream.clock import Clock
from openride_stream.embedded.children import POLL_INTERVAL_S, Child, ChildLog, exit_reason
from openride_stream.errors import Fatal

Probe = Callable[[], Awaitable[bool]]
_PROBE_INTERVAL_S: Final = 0.1
_LOG_CAP_INTERVAL_S: Final = 5.0
# A child that has to go with another one has nothing left to finish: its peer is already dead.
_FOLLOWER_STOP_WITHIN_S: Final = 2.0


class StartFailed(Fatal):
    """A child never came up; the message says which one, why, and where its log is."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What a child is.

    `kind`: a *service* runs until it is stopped and is ready when `is_ready` says so; a *job* is ready
    when it has ended with exit code 0; a *feed* is ready once it runs, and may end with exit code 0.
    `argv` is called at every start. `follows` names the children whose restart restarts this one.
    `before_fresh_start` runs before the first start and before those that `follows` caused.
    """

    name: str
    argv: Callable[[], Sequence[str]]
    kind: Literal["service", "job", "feed"] = "service"
    env: Mapping[str, str] = field(default_factory=dict)
    is_ready: Probe | None = None
    ready_within_s: float = 60.0
    stop_within_s: float = 3.0
    follows: tuple[str, ...] = ()
    before_fresh_start: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses before a dead child is started again: doubling from `first_s` to `longest_s`.

    A child that ran for `forgiven_after_s` has its earlier deaths forgotten. One that died
    `start_attempts` times without ever having been ready makes the start of the stack fail.
    """

    first_s: float = 0.5
    longest_s: float = 30.0
    forgiven_after_s: float = 60.0
    start_attempts: int = 3

    def pause_s(self, deaths: int) -> float:
        """Seconds to wait after that many deaths in a row (at least 1)."""
        return float(min(self.longest_s, self.first_s * 2 ** (deaths - 1)))


@dataclass(frozen=True, slots=True)
class News:
    """Something that happened to a child; `took_s` counts from its start, `pid` is 0 when it has gone."""

    name: str
    what: Literal["starting", "ready", "finished", "died", "restarting", "stopped"]
    took_s: float = 0.0
    pid: int = 0
    detail: str = ""


class Keeper:
    """The life of one child. `ready` is set while others may rely on it, `gone` while it does not run.

    It starts when all `needs` are ready and all `followers` are gone: who talked to the one before it must
    not talk to the next (a broker that is asked for a topic creates it, as it sees fit).
    """

    def __init__(
        self,
        spec: ChildSpec,
        *,
        log: ChildLog,
        needs: Sequence[asyncio.Event],
        tell: Callable[[News], None],
        on_death: Callable[[str], None],
        clock: Clock,
        backoff: Backoff,
    ) -> None:
        self.spec = spec
        self.ready = asyncio.Event()
        self.gone = asyncio.Event()
        self.gone.set()
        self.followers: Sequence[asyncio.Event] = ()
        self._log = log
        self._needs = needs
        self._tell = tell
        self._on_death = on_death
        self._clock = clock
        self._backoff = backoff
        self._child: Child | None = None
        self._started_s = 0.0
        self._was_ready = False
        self._fresh = True
        self._restart_asked = asyncio.Event()

    async def keep(self) -> None:
        """Run the child for ever; cancel to end, then call `stop`.

        Raises:
            StartFailed: it died too often without ever having been ready.
        """
        deaths = 0
        while True:
            await self._may_start()
            problem = await self._until_end(self._start())
            self._child = None
            self.gone.set()
            if problem is None:
                deaths = 0
                await self._restart_asked.wait()
                continue
            ran_s = self._clock.monotonic_s() - self._started_s
            deaths = 1 if ran_s > self._backoff.forgiven_after_s else deaths + 1
            await self._mourn(problem, deaths)

    def restart(self, because: str) -> None:
        """Have the child restarted afresh: one that it follows is gone."""
        if self._started_s:
            self._tell(News(self.spec.name, "restarting", detail=because))
        self.ready.clear()
        self._fresh = True
        self._restart_asked.set()

    async def stop(self) -> None:
        """End the child for good."""
        self.ready.clear()
        if self._child is not None:
            await self._child.stop(self.spec.stop_within_s)
            self._child = None
            self._tell(News(self.spec.name, "stopped"))

    def kill(self) -> None:
        """End the child for good without asking it."""
        if self._child is not None:
            self._child.kill()

    async def _may_start(self) -> None:
        # All at once: one that was ready may be gone again by the time another one is.
        while waiting := [need for need in (*self._needs, *self.followers) if not need.is_set()]:
            await waiting[0].wait()

    def _start(self) -> Child:
        if self._fresh and self.spec.before_fresh_start is not None:
            self.spec.before_fresh_start()
        self._fresh = False
        self._restart_asked.clear()
        self._started_s = self._clock.monotonic_s()
        self.gone.clear()
        self._child = Child(self.spec.argv(), {**os.environ, **self.spec.env}, self._log)
        self._tell(News(self.spec.name, "starting", pid=self._child.pid))
        return self._child

    async def _until_end(self, child: Child) -> str | None:
        """Watch the child; the reason of its death, or None when it has ended as it should."""
        next_probe_s = next_cap_s = self._clock.monotonic_s()
        while (code := child.exit_code) is None:
            now_s = self._clock.monotonic_s()
            if self._restart_asked.is_set():
                await child.stop(min(self.spec.stop_within_s, _FOLLOWER_STOP_WITHIN_S))
                return None
            if not self.ready.is_set() and now_s >= next_probe_s:
                await self._probe(child)
                next_probe_s = self._clock.monotonic_s() + _PROBE_INTERVAL_S
                if not self.ready.is_set() and now_s - self._started_s > self.spec.ready_within_s:
                    child.kill()
                    return f"not ready within {self.spec.ready_within_s:g} s"
            if now_s >= next_cap_s:
                self._log.cap()
                next_cap_s = now_s + _LOG_CAP_INTERVAL_S
            await asyncio.sleep(POLL_INTERVAL_S)
        child.kill()  # what it may have left behind in its group
        if code == 0 and self.spec.kind != "service":
            self._announce("finished")
            return None
        return exit_reason(code, self._log.last_lines())

    async def _probe(self, child: Child) -> None:
        if self.spec.kind == "job":
            return
        ready = self.spec.is_ready is None or await self.spec.is_ready()
        # Whoever answered is not our child when that one has ended: its port was taken.
        if ready and child.exit_code is None:
            self._announce("ready")

    def _announce(self, what: Literal["ready", "finished"]) -> None:
        if self._restart_asked.is_set():
            return  # whoever waits for it has to wait for its next run
        self.ready.set()
        self._was_ready = True
        self._log.skip()
        pid = self._child.pid if self._child is not None and what == "ready" else 0
        self._tell(News(self.spec.name, what, self._clock.monotonic_s() - self._started_s, pid))

    async def _mourn(self, problem: str, deaths: int) -> None:
        self.ready.clear()
        if not self._was_ready and deaths >= self._backoff.start_attempts:
            message = f"{self.spec.name} does not come up ({problem}); its log is {self._log.path}"
            raise StartFailed(message)
        pause_s = self._backoff.pause_s(deaths)
        self._tell(News(self.spec.name, "died", detail=f"{problem}; starting it again in {pause_s:g} s"))
        self._on_death(self.spec.name)
        await asyncio.sleep(pause_s)
