"""Who holds which partitions, over all live workers of the consumer group."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from openride_stream.clock import rfc3339
from openride_stream.events.topics import TOPICS
from openride_stream.metadata.workers import Holding, LiveWorker
from openride_stream.settings import Settings
from openride_stream.stall import Partition

# Some records are always between being sent and being committed.
ALWAYS_UNDER_WAY: Final = 1_000


@dataclass(frozen=True, slots=True)
class Fleet:
    """The live workers, the oldest first, and the partitions that none of them holds."""

    consumer_group: str
    workers: Sequence[LiveWorker]
    unheld: Sequence[Partition]

    @classmethod
    def of(cls, alive: Sequence[LiveWorker], settings: Settings) -> "Fleet":
        """The fleet that reported itself as `alive`.

        A partition that two claim is the later one's: the earlier was stopped in its tracks and lost it.
        """
        owners: dict[Partition, tuple[int, str]] = {}
        for worker in alive:
            for held in worker.seat.holdings:
                place, claim = (held.topic, held.partition), (held.since_ms, worker.seat.worker)
                owners[place] = max(claim, owners.get(place, claim))
        every = [(topic.name, number) for topic in TOPICS for number in range(settings.topic_partitions)]
        return cls(
            settings.consumer_group,
            [_without_lost(worker, owners) for worker in alive],
            [place for place in every if place not in owners],
        )

    def as_json(self) -> dict[str, Any]:
        """The answer of `GET /v1/workers` and of `openride workers --json`."""
        return {
            "consumer_group": self.consumer_group,
            "workers": [_worker_json(worker) for worker in self.workers],
            "unheld": [{"topic": topic, "partition": number} for topic, number in self.unheld],
        }


def _without_lost(worker: LiveWorker, owners: dict[Partition, tuple[int, str]]) -> LiveWorker:
    kept = [
        held for held in worker.seat.holdings if owners[held.topic, held.partition][1] == worker.seat.worker
    ]
    return replace(worker, seat=replace(worker.seat, holdings=kept))


def lag_of(holdings: Sequence[Holding]) -> int:
    """Messages that these partitions are behind, as far as it is known."""
    return sum(held.lag or 0 for held in holdings)


def rate_of(holdings: Sequence[Holding]) -> float:
    """Records a second that become durable over these partitions."""
    return round(sum(held.records_per_s for held in holdings), 1)


def is_behind(lag: int, rate_per_s: float, lag_degraded_s: float) -> bool:
    """Whether more records wait than there always are on the way, and than are stored in that time."""
    return lag > max(ALWAYS_UNDER_WAY, rate_per_s * lag_degraded_s)


def _worker_json(worker: LiveWorker) -> dict[str, Any]:
    seat = worker.seat
    return {
        "worker": seat.worker,
        "web": seat.web,
        "version": seat.version,
        "started_at": rfc3339(round(seat.started_at.timestamp() * 1000)),
        "seen_s_ago": round(worker.seen_s_ago, 1),
        "trouble": seat.trouble,
        "lag": lag_of(seat.holdings),
        "records_per_s": rate_of(seat.holdings),
        "partitions": [
            {
                "topic": held.topic,
                "partition": held.partition,
                "since": rfc3339(held.since_ms),
                "lag": held.lag,
                "records_per_s": held.records_per_s,
            }
            for held in seat.holdings
        ],
    }
