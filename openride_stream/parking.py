"""Where the batches of a paused partition wait: unread ones in Kafka, those already read here.

A batch that opens its circuit is not acked and nothing of it is dead-lettered. It waits here, with the few
that had been read behind it; the partition is not read any further. The agent goes on with the other
partitions of its topic: one that waited in place would hold back all of them, and soon every other topic too,
because Faust's fetcher stops at a full stream.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from openride_stream.circuit import Circuit, Partition, Trip
from openride_stream.errors import Transient
from openride_stream.events.records import RecordBatch
from openride_stream.metrics import Metrics

logger = logging.getLogger(__name__)

Ack = Callable[[], object]
Take = Callable[[RecordBatch, Ack], Awaitable[Trip | None]]
AcceptedUntil = Callable[[Sequence[Partition]], Awaitable[Mapping[Partition, int]]]

LOOK_EVERY_S: Final = 3.0


class Valve(Protocol):
    """Stops and starts the reading of one partition."""

    def pause(self, topic: str, partition: int) -> None:
        """Read no further."""
        ...

    def resume(self, topic: str, partition: int) -> None:
        """Read on."""
        ...


@dataclass(slots=True)
class _Lot:
    trip: Trip
    waiting: deque[tuple[RecordBatch, Ack]] = field(default_factory=deque)


class Parking:
    """The waiting batches of every paused partition, in order. Used on one event loop."""

    def __init__(
        self,
        circuit: Circuit,
        accepted_until: AcceptedUntil,
        metrics: Metrics,
        valve: Valve | None = None,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self.circuit = circuit
        self.valve = valve
        self._accepted_until = accepted_until
        self._metrics = metrics
        self._look_every_s = look_every_s
        self._lots: dict[Partition, _Lot] = {}
        self._occupied = asyncio.Event()

    def holds(self, topic: str, partition: int) -> bool:
        """Whether the partition is paused."""
        return (topic, partition) in self._lots

    def reasons(self) -> list[str]:
        """Why each paused partition is paused, and how to go on; empty when none is."""
        return [
            f"{topic}[{partition}] is paused: {lot.trip.reason}. {_remedy(topic, lot.trip)}"
            for (topic, partition), lot in sorted(self._lots.items())
        ]

    def park(self, batch: RecordBatch, ack: Ack, trip: Trip | None = None) -> None:
        """Let a batch wait: the one whose `trip` opened the circuit, or one behind it."""
        place = batch.topic, batch.partition
        lot = self._lots.get(place)
        if lot is None:
            assert trip is not None, "the first batch of a lot says why it waits"
            lot = self._lots[place] = _Lot(trip)
            self._said(place, trip)
        lot.waiting.append((batch, ack))
        self._occupied.set()
        # Each time: Faust resumes a partition by itself when its stream's buffer drains.
        if self.valve is not None:
            self.valve.pause(*place)

    def recall(self) -> None:
        """Forget what waits: partitions are about to be reassigned, and unacked batches are read again."""
        self._lots.clear()
        self._occupied.clear()
        self._count()

    async def run(self, take: Take) -> None:
        """Look for an operator's word while something waits, for ever.

        Args:
            take: delivers a batch, or says why not.
        """
        while True:
            await self._occupied.wait()
            await self.look(take)
            await asyncio.sleep(self._look_every_s)

    async def look(self, take: Take) -> None:
        """Deliver what an operator has accepted, and what has no cause to wait any more."""
        for place, lot in list(self._lots.items()):
            if lot.trip.still is None or self._lots.get(place) is not lot:
                continue
            if (trip := lot.trip.still()) is not None:
                lot.trip = trip
            else:
                await self._release(place, lot, take)
        if self._lots:
            await self._look_for_a_word(take)

    async def _look_for_a_word(self, take: Take) -> None:
        try:
            accepted = await self._accepted_until(list(self._lots))
        except Transient as error:
            logger.warning("Could not ask which bad records are accepted", extra={"error": str(error)})
            return
        for place, until in accepted.items():
            lot = self._lots.get(place)
            if lot is not None and until > lot.waiting[0][0].first_offset:
                self.circuit.accept(*place, until)
                if lot.trip.let is not None and lot.trip.acceptable:
                    lot.trip.let(until)
                if lot.trip.still is None:
                    await self._release(place, lot, take)

    async def _release(self, place: Partition, lot: _Lot, take: Take) -> None:
        while lot.waiting:
            trip = await take(*lot.waiting[0])
            if self._lots.get(place) is not lot:
                return  # recalled meanwhile
            if trip is not None:
                lot.trip = trip
                return
            lot.waiting.popleft()
        del self._lots[place]
        if not self._lots:
            self._occupied.clear()
        self._count()
        logger.warning("Partition goes on", extra={"topic": place[0], "partition": place[1]})
        if self.valve is not None:
            self.valve.resume(*place)

    def _said(self, place: Partition, trip: Trip) -> None:
        logger.error(
            "Partition paused",
            extra={"topic": place[0], "partition": place[1], "reason": trip.reason},
        )
        self._count()

    def _count(self) -> None:
        self._metrics.paused_partitions.set(len(self._lots))


def _remedy(topic: str, trip: Trip) -> str:
    if not trip.acceptable:
        return "It goes on by itself when the cause is gone"
    return f"Mend the cause, or let its bad records become dead letters: `openride dlq accept {topic}`"
