"""What of the events is not read yet, over all workers: minutes that it may belong to are not judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from openride_stream.fleet import Fleet, is_behind, lag_of, rate_of
from openride_stream.metadata.workers import LiveWorker
from openride_stream.settings import Settings

# A record a while ago is no rate; what waits for longer than that at such a pace stands still.
_SLOWEST_PER_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Unread:
    """`why` nothing can be judged, or None; then what waits came within the last `waits_ms` milliseconds."""

    why: str | None
    waits_ms: int = 0


def unread(alive: Sequence[LiveWorker], settings: Settings) -> Unread:
    """What the workers that are alive have still to read, by what they say of themselves."""
    fleet = Fleet.of(alive, settings)
    if fleet.unheld:
        topic, number = fleet.unheld[0]
        return Unread(f"no worker reads {len(fleet.unheld)} partitions, {topic}[{number}] among them")
    for worker in fleet.workers:
        if worker.seat.trouble:
            return Unread(f"worker {worker.seat.worker}: {worker.seat.trouble}")
    held = [holding for worker in fleet.workers for holding in worker.seat.holdings]
    lag, rate_per_s = lag_of(held), rate_of(held)
    if is_behind(lag, rate_per_s, settings.lag_degraded_s):
        return Unread(f"{lag} records wait to be read and stored")
    # By partition: one that stands still must not be hidden by others that do not.
    waits_s = max((one.lag or 0) / max(one.records_per_s, _SLOWEST_PER_S) for one in held) if held else 0.0
    return Unread(None, round(waits_s * 1000))
