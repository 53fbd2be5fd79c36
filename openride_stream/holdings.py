"""Which partitions this worker holds, since when, and how fast it gets through each. No I/O, no clock."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from openride_stream.metadata.workers import Holding
from openride_stream.stall import Partition

# Long enough that a flush every half second shows as a steady rate, short enough to follow a change.
_RATE_WINDOW_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a partition stands, where it is known.

    Attributes:
        durable: the offset up to which it is durable.
        lag: how many records are behind that.
        end: where its log ends.
    """

    durable: int | None
    lag: int | None
    end: int | None = None


@dataclass(slots=True)
class _Held:
    since_ms: int
    seen: deque[tuple[float, int]] = field(default_factory=deque)
    # Where its log ended when it was taken over, once that is known.
    end: int | None = None
    read: bool = False

    def reads(self, place: Place) -> None:
        if self.read or place.end is None:
            return
        if self.end is None:
            self.end = place.end
        self.read = place.lag == 0 or (place.durable or 0) >= self.end

    def records_per_s(self, now_s: float, durable: int | None) -> float:
        if durable is None:
            return 0.0
        self.seen.append((now_s, durable))
        while len(self.seen) > 2 and now_s - self.seen[1][0] >= _RATE_WINDOW_S:
            self.seen.popleft()
        began_s, first = self.seen[0]
        # An offset that went back (the partition is read again from its commit) starts a new measurement.
        if durable < first:
            self.seen.clear()
            return 0.0
        return (durable - first) / (now_s - began_s) if now_s > began_s else 0.0


class Holdings:
    """Remembers what was held at the last look, so that the next one knows since when and how fast."""

    def __init__(self) -> None:
        self._held: dict[Partition, _Held] = {}

    def unsettled(self) -> None:
        """Nothing is read for a while: what comes in meanwhile has to be read as after a take-over."""
        for held in self._held.values():
            held.end, held.read = None, False

    @property
    def behind(self) -> bool:
        """Whether a partition is not yet read up to where it ended when it was taken over."""
        return not all(held.read for held in self._held.values())

    def look(self, places: Mapping[Partition, Place], now_ms: int, now_s: float) -> list[Holding]:
        """What is held now, in order of topic and partition.

        Args:
            places: every partition that is ours; one that was not at the last look begins now.
            now_ms: wall clock in milliseconds since the epoch.
            now_s: a monotonic clock, in seconds.
        """
        self._held = {partition: self._held.get(partition) or _Held(now_ms) for partition in places}
        for partition, place in places.items():
            self._held[partition].reads(place)
        return [
            Holding(
                topic=topic,
                partition=number,
                since_ms=self._held[topic, number].since_ms,
                lag=place.lag,
                records_per_s=round(self._held[topic, number].records_per_s(now_s, place.durable), 1),
            )
            for (topic, number), place in sorted(places.items())
        ]
