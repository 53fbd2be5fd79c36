"""Notes beside an answer: what a reader of its figures would not know from them."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from openride_stream.api.notes import Note
from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.series import buckets
from openride_stream.clock import rfc3339
from openride_stream.errors import Rejected, Transient
from openride_stream.fleet import ALWAYS_UNDER_WAY
from web.currency_notes import KnownCurrencies
from web.place_notes import KnownPlaces
from web.system_health import SystemHealth, system_health

if TYPE_CHECKING:
    from web.context import Context

logger = logging.getLogger(__name__)

_HEALTH_FOR_S: Final = 1.0


class Notes:
    """What is noted of every question; keeps what it looked up for a moment."""

    def __init__(self) -> None:
        self._places = KnownPlaces()
        self._currencies = KnownCurrencies()
        self._lock = asyncio.Lock()
        self._health: tuple[float, SystemHealth] | None = None

    async def of(self, context: "Context", question: Question) -> list[Note]:
        """The notes that hang on the question alone, or on nothing but now.

        The answer is there already: a note that cannot be looked up is missing, and that is noted.
        """
        runtime = context.runtime
        now_ms = runtime.clock.now_ms()
        store, clock = runtime.store, runtime.clock
        waiting = await self._waiting(context)
        places = await _looked_up("the place", self._places.notes(store, runtime.reader, clock, question))
        currencies = await _looked_up("the currency", self._currencies.notes(store, clock, question.currency))
        return [*waiting, *places, *currencies, *partial_buckets(question, now_ms)]

    async def _waiting(self, context: "Context") -> list[Note]:
        # What this worker knows of itself costs nothing; only when it is much are the others asked.
        if sum(context.group.progress().lag_records.values()) <= ALWAYS_UNDER_WAY:
            return []
        async with self._lock:
            now_s = context.runtime.clock.monotonic_s()
            if self._health is None or now_s - self._health[0] >= _HEALTH_FOR_S:
                self._health = now_s, await system_health(context, context.runtime)
            health = self._health[1]
        if not health.behind:
            return []
        detail = f"{health.consumer_lag} records wait to be read and stored: the figures do not have them yet"
        return [Note(kind="records-waiting", detail=detail)]


async def _looked_up(what: str, notes: Awaitable[list[Note]]) -> list[Note]:
    try:
        return await notes
    except (Transient, Rejected) as error:
        logger.warning("Answered without a note", extra={"what": what, "error": str(error)})
        return [Note(kind="notes-missing", detail=f"whether {what} is known could not be looked up")]


def partial_buckets(question: Question, now_ms: int) -> list[Note]:
    """A note when the first or the last bucket is not whole; none without buckets."""
    if question.granularity is None:
        return []
    known_ms = min(question.end_ms, now_ms)
    spans = buckets(question)
    cut = [(start_ms, end_ms) for start_ms, end_ms in spans if start_ms < question.start_ms]
    open_ = [(start_ms, end_ms) for start_ms, end_ms in spans if start_ms < known_ms < end_ms]
    told = [f"the one of {rfc3339(start_ms)} from {rfc3339(question.start_ms)} on" for start_ms, _ in cut]
    told += [f"the one of {rfc3339(start_ms)} up to {rfc3339(known_ms)}" for start_ms, _ in open_]
    if not told:
        return []
    return [Note(kind="partial-bucket", detail=f"of these buckets a part counts: {'; '.join(told)}")]


def open_windows(question: Question, window_ms: int, now_ms: int) -> list[Note]:
    """A note when some who registered in the question's range still have time within `window_ms`."""
    since_ms = max(question.start_ms, now_ms - window_ms)
    if since_ms >= min(question.end_ms, now_ms):
        return []
    detail = (
        f"whoever registered after {rfc3339(since_ms)} still has time: "
        f"the window of {window_ms // DAY_MS} days is open, and the steps may grow"
    )
    return [Note(kind="open-window", detail=detail)]


def days_to_come(question: Question, after_days: tuple[int, ...], now_ms: int) -> list[Note]:
    """A note of the days after a registration that have not ended for some of those in the range."""
    today = now_ms // DAY_MS
    last = (min(question.end_ms, now_ms) - 1) // DAY_MS
    told = [
        f"d{after} counts registrations before {rfc3339((today - after) * DAY_MS)}"
        for after in after_days
        if last + after >= today
    ]
    if not told or question.start_ms >= now_ms:
        return []
    return [Note(kind="open-window", detail=f"days that have not ended do not count: {'; '.join(told)}")]
