"""The replay's loop: take parcels, wait until they are due, send them, log them."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from openride_stream.clock import Clock
from openride_stream.replay.clockwork import Pace
from openride_stream.replay.parcels import Parcel
from openride_stream.replay.progress import Meter
from openride_stream.replay.recordlog import RecordLog
from openride_stream.replay.sender import Sender

CHUNK_RECORDS: Final = 500
CHECKPOINT_EVERY_S: Final = 5.0
LONGEST_PAUSE_S: Final = 0.5  # the wall clock may be set forward meanwhile, or the machine sleep
SHORTEST_PAUSE_S: Final = 0.05  # so that a paced replay sends a few records at a time, not one


@dataclass(slots=True)
class Totals:
    """What a replay has sent so far."""

    records: int = 0
    bad: int = 0
    duplicates: int = 0
    at_ms: int = 0

    def count(self, parcels: Iterable[Parcel]) -> None:
        """Add parcels."""
        for parcel in parcels:
            self.records += 1
            self.bad += parcel.bad is not None
            self.duplicates += parcel.duplicate_of is not None
            self.at_ms = parcel.at_ms


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where records go: a started sender (None sends nothing), a log of what is sent, a stop to heed."""

    sender: Sender | None
    log: RecordLog
    stop: asyncio.Event


class Replay:
    """Runs parcels past a clock into Kafka and a record log.

    Args:
        outlet: takes exactly what is sent; when its `stop` is set, the loop ends before the next record.
        clock: gives record timestamps.
        meter: is told about the progress.
        max_records: the loop ends when so many have been sent; None for no limit.
        checkpoint: called every `CHECKPOINT_EVERY_S` with an event time in ms; all records that were due
            before it have been acknowledged.
    """

    def __init__(
        self,
        outlet: Outlet,
        clock: Clock,
        meter: Meter,
        *,
        max_records: int | None = None,
        checkpoint: Callable[[int], None] | None = None,
    ) -> None:
        self._sender = outlet.sender
        self._log = outlet.log
        self._stop = outlet.stop
        self._clock = clock
        self._meter = meter
        self._max_records = max_records
        self._checkpoint = checkpoint
        self._checked_s = clock.monotonic_s()
        self.totals = Totals()

    async def run(self, parcels: Iterable[Parcel], pace: Pace) -> None:
        """Send all parcels and wait for every acknowledgement, also when stopped half-way.

        Raises:
            BrokerUnavailable: a record was not acknowledged.
        """
        chunk: list[Parcel] = []
        for parcel in parcels:
            if pace.wait_s(parcel.at_ms) > 0:
                await self._dispatch(chunk, ship=True)
                await self._until_due(pace, parcel.at_ms)
            if self.over(len(chunk)):
                break
            chunk.append(parcel)
            if len(chunk) >= CHUNK_RECORDS:
                await self._dispatch(chunk)
        await self._dispatch(chunk)
        await self.flush()

    def over(self, waiting: int = 0) -> bool:
        """Whether to send no more: stopped, or with `waiting` records as many as were allowed."""
        full = self._max_records is not None and self.totals.records + waiting >= self._max_records
        return full or self._stop.is_set()

    async def flush(self) -> None:
        """Wait until everything is acknowledged."""
        if self._sender:
            await self._sender.flush()

    async def _maybe_check(self) -> None:
        now_s = self._clock.monotonic_s()
        if self._checkpoint and now_s - self._checked_s >= CHECKPOINT_EVERY_S:
            self._checked_s, at_ms = now_s, self.totals.at_ms
            await self.flush()
            self._checkpoint(at_ms)

    async def _until_due(self, pace: Pace, at_ms: int) -> None:
        while (wait_s := pace.wait_s(at_ms)) > 0 and not self._stop.is_set():
            await pause(self._stop, min(max(wait_s, SHORTEST_PAUSE_S), LONGEST_PAUSE_S))

    async def _dispatch(self, chunk: list[Parcel], ship: bool = False) -> None:
        if not chunk:
            return
        now_ms = self._clock.now_ms()
        if self._sender:
            await self._sender.send(chunk, now_ms)
            if ship:
                await self._sender.ship()
        self._log.write(chunk, now_ms if self._sender else None)
        self.totals.count(chunk)
        self._meter.show(self.totals.records, self.totals.at_ms)
        chunk.clear()
        await self._maybe_check()
        # Lets the producer's own tasks run between two chunks.
        await asyncio.sleep(0)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but not beyond a stop."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
