"""A city or state that nobody has heard of gives zeros: whoever misspelt one is told."""

import asyncio
from difflib import get_close_matches
from typing import Final

from openride_stream.api.notes import Note
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.queries.places import Places, occurs, places
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clock import Clock

_KNOWN_FOR_S: Final = 60.0
_SUGGESTED: Final = 3
_FEW: Final = 8
_ALIKE: Final = 0.6


class KnownPlaces:
    """What places there are, asked once a minute at most for all who name one that is known."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._read_s = float("-inf")
        self._places: Places = frozenset()

    async def notes(self, store: ClickHouse, clock: Clock, question: Question) -> list[Note]:
        """A note when no event has the question's place; none when some have, or no place is asked for."""
        if not question.placed:
            return []
        known = await self._known(store, clock)
        if _has(known, question.city, question.state):
            return []
        # Not among the days that are built: it may be among today's events.
        if await occurs(store, question.city, question.state):
            return []
        return [Note(kind="unknown-place", detail=_unknown(known, question.city, question.state))]

    async def _known(self, store: ClickHouse, clock: Clock) -> Places:
        async with self._lock:
            if clock.monotonic_s() - self._read_s >= _KNOWN_FOR_S:
                self._places = await places(store)
                self._read_s = clock.monotonic_s()
            return self._places


def _has(known: Places, city: str | None, state: str | None) -> bool:
    return any(city in (None, place[0]) and state in (None, place[1]) for place in known)


def _unknown(known: Places, city: str | None, state: str | None) -> str:
    cities, states = {place[0] for place in known}, {place[1] for place in known}
    wrong = [
        f"no event so far has the {name} {asked!r}{_alike(asked, there)}"
        for name, asked, there in (("city", city, cities), ("state", state, states))
        if asked is not None and asked not in there
    ]
    if wrong:
        return f"{'; '.join(wrong)}; places are compared exactly"
    there = sorted(place[1] for place in known if place[0] == city)
    named = ", ".join(repr(name) if name else "none" for name in there)
    return f"no event so far has the city {city!r} with the state {state!r}; its states are: {named}"


def _alike(asked: str, there: set[str]) -> str:
    """What is spelled alike; where nothing is, all of them if they are few."""
    by_folded = {name.casefold(): name for name in sorted(there) if name}
    found = get_close_matches(asked.casefold(), by_folded, n=_SUGGESTED, cutoff=_ALIKE)
    if not found and len(by_folded) <= _FEW:
        found = list(by_folded)
    return f" (known: {', '.join(repr(by_folded[name]) for name in found)})" if found else ""
