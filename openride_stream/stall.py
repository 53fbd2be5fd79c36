"""The stall watch: a worker that owes commits and makes none ends, so that its supervisor starts another.

Consumers have been seen to stop after a rebalance, or to stop committing, while their HTTP server answers
happily. Nothing inside the process mends that; a restart does, and costs only what was not committed.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from openride_stream.clock import Clock
from openride_stream.errors import Fatal, Transient

logger = logging.getLogger(__name__)

Partition = tuple[str, int]
_LONGEST_PAUSE_S: Final = 30.0


class Stalled(Fatal):
    """This worker has stopped making progress; the message names its partitions."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one partition of ours stands.

    `committed` is the group's next offset, None before its first commit; `owed` says whether there is
    anything to read or to commit. Markers of transactions alone are not: no record of theirs ever comes.
    """

    committed: int | None
    owed: bool


@dataclass(frozen=True, slots=True)
class _Since:
    committed: int | None
    at_s: float


class StallWatch:
    """Decides, from what it is shown now and then, which partitions have stalled. No I/O, no clock."""

    def __init__(self, timeout_s: float, settle_s: float = 0.0) -> None:
        """`settle_s`: how long a group may take to settle, when that is longer than the time-out."""
        self._timeout_s = timeout_s
        self._settle_s = max(timeout_s, settle_s)
        self._since: dict[Partition, _Since] = {}
        self._settling_since_s: float | None = None

    def excuse(self) -> None:
        """Nothing can be expected to move now: every partition gets the whole time-out anew."""
        self._since.clear()

    def settles(self, now_s: float) -> bool:
        """Partitions are being assigned at `now_s` as well: whether that may still come to an end."""
        self.excuse()
        if self._settling_since_s is None:
            self._settling_since_s = now_s
        return now_s - self._settling_since_s < self._settle_s

    def settled(self) -> None:
        """Partitions are assigned."""
        self._settling_since_s = None

    def stalled(self, standings: Mapping[Partition, Standing], now_s: float) -> list[Partition]:
        """The partitions that owed something all through the time-out and committed nothing in it.

        Args:
            standings: every partition that is ours now; one that is missing is forgotten.
            now_s: a monotonic clock, in seconds.
        """
        owing = {partition: standing for partition, standing in standings.items() if standing.owed}
        self._since = {
            partition: self._unmoved_since(partition, standing.committed, now_s)
            for partition, standing in owing.items()
        }
        return sorted(
            partition for partition, since in self._since.items() if now_s - since.at_s >= self._timeout_s
        )

    def _unmoved_since(self, partition: Partition, committed: int | None, now_s: float) -> _Since:
        before = self._since.get(partition)
        if before is not None and before.committed == committed:
            return before
        return _Since(committed, now_s)


class Watched(Protocol):
    """What the watch asks of the worker."""

    def excuse(self) -> str | None:
        """Why no progress can be expected now (a rebalance, a store that is away); None when it can."""
        ...

    def settling(self) -> bool:
        """Whether partitions are being assigned or recovered, and Kafka is there to do it."""
        ...

    def loss(self) -> str | None:
        """Why the worker is out of its consumer group for good; None while it is not."""
        ...

    async def standings(self) -> Mapping[Partition, Standing]:
        """Every partition that is ours, as the broker has it.

        Raises:
            Transient: the broker cannot be asked now.
        """
        ...


async def watch(worker: Watched, clock: Clock, timeout_s: float, settle_s: float) -> None:
    """Look several times a time-out, for ever; a group may take `settle_s` to settle, if that is longer.

    Raises:
        Stalled: a partition made no progress for `timeout_s` seconds, or none could be had for as long.
    """
    decision = StallWatch(timeout_s, settle_s)
    while True:
        await asyncio.sleep(min(timeout_s / 4, _LONGEST_PAUSE_S))
        await look(worker, decision, clock, timeout_s)


async def look(worker: Watched, decision: StallWatch, clock: Clock, timeout_s: float) -> None:
    """One look; raises `Stalled`."""
    if (loss := worker.loss()) is not None:
        message = f"this worker is out of its consumer group for good: {loss}"
        raise Stalled(message)
    if worker.settling():
        if not decision.settles(clock.monotonic_s()):
            message = "no partitions were assigned for too long: the consumer group never settles"
            raise Stalled(message)
        return
    decision.settled()
    if worker.excuse() is not None:
        decision.excuse()
        return
    try:
        standings = await worker.standings()
    except Transient as error:
        logger.warning("Stall watch could not ask the broker", extra={"error": str(error)})
        decision.excuse()
        return
    if stalled := decision.stalled(standings, clock.monotonic_s()):
        names = ", ".join(f"{topic}[{number}]" for topic, number in stalled)
        message = f"no commit for {timeout_s:g} s although records wait in {names}"
        raise Stalled(message)
