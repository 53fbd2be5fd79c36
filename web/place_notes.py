"""A city or state that nobody has heard of gives zeros: whoever misspelt one is told."""

import asyncio
from collections import OrderedDict
from difflib import get_close_matches
from typing import Final

from openride_stream.api.notes import Note
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.queries.places import Places, occurs, places
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.reader import Reader
from openride_stream.clock import Clock
from openride_stream.events.topics import EVENT_TABLES
from web.moments import LATEST_MS

_KNOWN_FOR_S: Final = 60.0
_REMEMBERED: Final = 200
_SUGGESTED: Final = 3
_FEW: Final = 8
_ALIKE: Final = 0.6
# To compare with more takes the event loop longer than a word of help is worth.
_COMPARED: Final = 5_000
_LONGEST_NAME: Final = 80


class KnownPlaces:
    """What places there are, asked once a minute at most for all who name one that is known.

    One that is not known is looked for among all events, and anew once there are others.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._read_s = float("-inf")
        self._places: Places = frozenset()
        self._nowhere: OrderedDict[tuple[str | None, str | None], str] = OrderedDict()

    async def notes(self, store: ClickHouse, reader: Reader, clock: Clock, question: Question) -> list[Note]:
        """A note when no event has the question's place; none when some have, or no place is asked for."""
        if not question.placed:
            return []
        known = await self._known(store, clock)
        if _has(known, question.city, question.state):
            return []
        # Not among the days that are built: it may be among today's events.
        if await self._occurs(store, reader, question.city, question.state):
            return []
        return [Note(kind="unknown-place", detail=_unknown(known, question.city, question.state))]

    async def _occurs(self, store: ClickHouse, reader: Reader, city: str | None, state: str | None) -> bool:
        # Before the look at the events: what comes between the two has it looked for again.
        version = await reader.version(EVENT_TABLES, 0, LATEST_MS)
        if self._nowhere.get((city, state)) == version:
            return False
        if await occurs(store, city, state):
            self._nowhere.pop((city, state), None)
            return True
        self._nowhere[city, state] = version
        if len(self._nowhere) > _REMEMBERED:
            self._nowhere.popitem(last=False)
        return False

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
        f"no event so far has the {name} {_quoted(asked)}{_alike(asked, there)}"
        for name, asked, there in (("city", city, cities), ("state", state, states))
        if asked is not None and asked not in there
    ]
    if wrong:
        return f"{'; '.join(wrong)}; places are compared exactly"
    there = sorted(place[1] for place in known if place[0] == city)
    named = ", ".join(_quoted(name) if name else "none" for name in there[:_FEW])
    more = f" and {len(there) - _FEW} more" if len(there) > _FEW else ""
    asked = f"the city {_quoted(city or '')} with the state {_quoted(state or '')}"
    return f"no event so far has {asked}; its states are: {named}{more}"


def _alike(asked: str, there: set[str]) -> str:
    """What is spelled alike; where nothing is, all of them if they are few."""
    short = [name for name in there if 0 < len(name) <= _LONGEST_NAME]
    if len(asked) > _LONGEST_NAME or len(short) > _COMPARED:
        return ""
    by_folded = {name.casefold(): name for name in sorted(short)}
    found = get_close_matches(asked.casefold(), by_folded, n=_SUGGESTED, cutoff=_ALIKE)
    if not found and len(by_folded) <= _FEW:
        found = list(by_folded)
    return f" (known: {', '.join(repr(by_folded[name]) for name in found)})" if found else ""


def _quoted(name: str) -> str:
    return repr(name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…")
