"""Presence: a worker says every few seconds that it lives and what it holds, for `openride workers`."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final, Protocol

from openride_stream import __version__
from openride_stream.clock import Clock, utc_from_ms
from openride_stream.errors import Transient
from openride_stream.holdings import Holdings, Place
from openride_stream.metadata.workers import Seat, Workers
from openride_stream.settings import Settings
from openride_stream.stall import Partition

logger = logging.getLogger(__name__)

_LOOK_INTERVAL_S: Final = 0.25
# A report costs 3 ms of CPU; until some are missed nobody knows that a worker was killed.
_REPORT_INTERVAL_S: Final = 1.2
_MISSED_REPORTS: Final = 2.5
_LEAVE_TIMEOUT_S: Final = 1.0
_CATCHES_UP: Final = "partitions that it took over are not read to their end yet"
_ANY_HOST: Final = frozenset({"0.0.0.0", "::", ""})


class Present(Protocol):
    """What presence asks of the worker."""

    def excuse(self) -> str | None:
        """Why the worker makes no progress now; None when it can."""
        ...

    def places(self) -> Mapping[Partition, Place] | None:
        """Every partition that is ours; None while that is being decided."""
        ...


class Presence:
    """Keeps one worker's seat: at every change, and at least as often as `report_interval_s` says."""

    def __init__(
        self, worker: Present, name: str, workers: Workers, clock: Clock, settings: Settings
    ) -> None:
        self._worker = worker
        self._name = name
        self._workers = workers
        self._clock = clock
        self._settings = settings
        self._holdings = Holdings()
        self._started_at = utc_from_ms(clock.now_ms())
        self._last: Seat | None = None
        self._kept_s = float("-inf")

    async def run(self) -> None:
        """Report until cancelled, then leave. A metadata store that is away costs this report alone."""
        try:
            while True:
                try:
                    await self.report()
                except Transient as error:
                    logger.warning("Presence not reported", extra={"error": str(error)})
                await asyncio.sleep(_LOOK_INTERVAL_S)
        finally:
            await self._leave()

    async def report(self) -> None:
        """Look, and keep the seat when it changed or is due.

        Raises:
            MetadataUnavailable: the store is away.
        """
        seat, now_s = self._seat(), self._clock.monotonic_s()
        due = now_s - self._kept_s >= report_interval_s(self._settings)
        if not due and self._last is not None and _standing(seat) == _standing(self._last):
            return
        await self._workers.keep(seat, self._settings.broker_session_timeout_s)
        self._last, self._kept_s = seat, now_s

    def _seat(self) -> Seat:
        places = self._worker.places()
        if places is None and self._last is not None:
            held = self._last.holdings
            self._holdings.unsettled()
        else:
            held = self._holdings.look(places or {}, self._clock.now_ms(), self._clock.monotonic_s())
        return Seat(
            worker=self._name,
            web=web_address(self._settings, self._name),
            version=__version__,
            started_at=self._started_at,
            trouble=self._worker.excuse() or (_CATCHES_UP if self._holdings.behind else None),
            holdings=held,
        )

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(_LEAVE_TIMEOUT_S):
                await self._workers.leave(self._name)
        except (Transient, TimeoutError) as error:
            logger.warning("Presence not withdrawn: it expires", extra={"error": str(error)})


def report_interval_s(settings: Settings) -> float:
    """Seconds from one report of a worker to the next: a heartbeat, and no more than 1.2."""
    return min(settings.broker_heartbeat_interval_s, _REPORT_INTERVAL_S)


def silent_after_s(settings: Settings) -> float:
    """A worker last heard of so many seconds ago has missed two reports: it is in trouble or gone."""
    return report_interval_s(settings) * _MISSED_REPORTS


def web_address(settings: Settings, worker: str) -> str:
    """URL under which others reach the worker `host:pid`."""
    host = worker.rsplit(":", 1)[0] if settings.web_host in _ANY_HOST else settings.web_host
    return f"http://{host}:{settings.web_port}"


def _standing(seat: Seat) -> tuple[str | None, list[tuple[str, int, int]]]:
    return seat.trouble, [(held.topic, held.partition, held.since_ms) for held in seat.holdings]
