"""How the system as a whole is doing, as any worker can tell: the contract's `system_health`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from openride_stream.errors import MetadataUnavailable
from openride_stream.fleet import Fleet, is_behind, lag_of, rate_of
from openride_stream.presence import silent_after_s

if TYPE_CHECKING:
    from web.context import Context, WebRuntime

Level = Literal["healthy", "degraded", "critical"]

_METADATA_TIMEOUT_S: Final = 1.0
_FROZEN_AFTER_S: Final = 10.0
_NAMED_PARTITIONS: Final = 3


@dataclass(frozen=True, slots=True)
class SystemHealth:
    """`reasons` says why it is not healthy; `consumer_lag` is in records, over all workers.

    It is `behind` when that is more than there always is on the way.
    """

    level: Level
    reasons: list[str]
    consumer_lag: int
    behind: bool


async def system_health(context: "Context", runtime: "WebRuntime") -> SystemHealth:
    """Look at everything once: the way in, the store, the workers and what they hold."""
    grave = [trouble for trouble in (runtime.contact.trouble, _store_trouble(runtime)) if trouble]
    slight = list(runtime.paused)
    if (trouble := context.live.trouble(runtime.clock.now_ms())) is not None:
        slight.append(trouble)
    try:
        async with asyncio.timeout(_METADATA_TIMEOUT_S):
            fleet = Fleet.of(await runtime.workers.alive(), context.settings)
    except (MetadataUnavailable, TimeoutError) as error:
        lag, rate = sum(context.group.progress().lag_records.values()), 0.0
        slight.append(f"other workers are not known of: {error or 'the metadata store does not answer'}")
    else:
        lag = sum(lag_of(worker.seat.holdings) for worker in fleet.workers)
        rate = sum(rate_of(worker.seat.holdings) for worker in fleet.workers)
        slight += _fleet_troubles(fleet, silent_after_s(context.settings))
    behind = is_behind(lag, rate, context.settings.lag_degraded_s)
    if behind:
        slight.append(f"{lag} records wait to be read and stored")
    level: Level = "critical" if grave else "degraded" if slight else "healthy"
    return SystemHealth(level, grave + slight, lag, behind)


def _store_trouble(runtime: "WebRuntime") -> str | None:
    if not runtime.sink.available:
        return f"ClickHouse takes no rows: {runtime.sink.last_error}"
    # One that has frozen fails no insert for a minute, and stores nothing.
    writing_s = runtime.sink.writing_s
    return f"ClickHouse has taken no rows for {writing_s:.0f} s" if writing_s > _FROZEN_AFTER_S else None


def _fleet_troubles(fleet: Fleet, silent_s: float) -> list[str]:
    found = []
    for worker in fleet.workers:
        if worker.seen_s_ago > silent_s:
            found.append(f"worker {worker.seat.worker} has not reported for {worker.seen_s_ago:.0f} s")
        elif worker.seat.trouble:
            found.append(f"worker {worker.seat.worker}: {worker.seat.trouble}")
    if fleet.unheld:
        found.append(f"no worker reads {_named(fleet.unheld)}")
    return found


def _named(partitions: Sequence[tuple[str, int]]) -> str:
    named = ", ".join(f"{topic}[{number}]" for topic, number in partitions[:_NAMED_PARTITIONS])
    more = len(partitions) - _NAMED_PARTITIONS
    return f"{named} and {more} more" if more > 0 else named
