"""From produce to queryable: events at a steady rate, and when each one shows in a query."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from bench.feed import Feed
from bench.payloads import Payload
from bench.stage import Stage
from openride_stream.errors import Fatal
from openride_stream.events.topics import EVENT_TABLES

QUANTILES: Final = (0.50, 0.95, 0.99)
_POLL_S: Final = 0.03

Sent = int
"""The moment at which an event was sent: its event time, in milliseconds."""


async def latency_ms(
    stage: Stage,
    feed: Feed,
    events: Sequence[Payload],
    rate_per_s: float,
    stalled_after_s: float,
    *,
    poll_s: float = _POLL_S,
) -> tuple[float, ...]:
    """The `QUANTILES` of milliseconds from produce to queryable, over `events` sent at `rate_per_s`.

    Between two looks at the store pass `poll_s`: a look costs the store what it would have for others.

    Raises:
        Fatal: no event became queryable for `stalled_after_s`.
    """
    # Events sent before this phase carry older event times, however slowly their rows arrive.
    begin_ms = time.time_ns() // 1_000_000
    sent_at: Counter[Sent] = Counter()
    sending = asyncio.create_task(feed.send_at_rate(events, rate_per_s, sent_at))
    try:
        waits = await _watch(
            stage, len(events), sent_at, begin_ms, stalled_after_s=stalled_after_s, poll_s=poll_s
        )
        await sending
    finally:
        sending.cancel()
    return quantiles(waits)


def quantiles(waits: Mapping[int, int]) -> tuple[float, ...]:
    """The `QUANTILES` (nearest rank) of a histogram: waits in milliseconds, and how many of each."""
    total = sum(waits.values())
    found = []
    for quantile in QUANTILES:
        rank = 0
        for wait_ms in sorted(waits):
            rank += waits[wait_ms]
            if rank >= quantile * total:
                found.append(float(wait_ms))
                break
    return tuple(found)


async def _watch(
    stage: Stage, count: int, sent_at: Counter[Sent], begin_ms: int, *, stalled_after_s: float, poll_s: float
) -> Counter[int]:
    """How many events waited how long, once all `count` are seen; a row is seen when its poll ends.

    A moment of which every event has been seen is not asked for again: the polls take CPU that is measured.
    """
    known: Counter[Sent] = Counter()
    waits: Counter[int] = Counter()
    moved_s = time.monotonic()
    while known.total() < count:
        found = await _stored(stage, begin_ms)
        seen_ms = time.time_ns() // 1_000_000
        new = Counter({sent_ms: rows - known[sent_ms] for sent_ms, rows in found.items()})
        if +new:
            moved_s = time.monotonic()
        for sent_ms, rows in (+new).items():
            waits[seen_ms - sent_ms] += rows
        known |= found
        begin_ms = min(
            (sent_ms for sent_ms, rows in sent_at.items() if known[sent_ms] < rows), default=begin_ms
        )
        if time.monotonic() - moved_s > stalled_after_s:
            message = f"only {known.total()} of {count} events became queryable: {stage.log_tail('peer')}"
            raise Fatal(message)
        await asyncio.sleep(poll_s)
    return waits


async def _stored(stage: Stage, begin_ms: int) -> Counter[Sent]:
    times = " UNION ALL ".join(
        f"SELECT event_timestamp FROM {stage.store.database}.{table} "
        "WHERE event_timestamp >= fromUnixTimestamp64Milli({begin:Int64}, 'UTC')"
        for table in EVENT_TABLES
    )
    sent = "toUnixTimestamp64Milli(event_timestamp)"
    sql = f"SELECT {sent} AS sent, count() AS rows FROM ({times}) GROUP BY sent"
    return Counter({row["sent"]: row["rows"] for row in await stage.store.select(sql, {"begin": begin_ms})})
