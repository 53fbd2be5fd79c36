"""A story: the events of one ride, one user or one route, told in event-time order."""

import heapq
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from openride_stream.replay.ids import Ids, uuid5_text
from openride_stream.replay.routing import TOPIC_BY_TYPE
from openride_stream.replay.zones import Zone

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Outgoing(NamedTuple):
    """An event on its way out: `at_ms` is its event time, `body` its JSON object."""

    at_ms: int
    topic: str
    key: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A story not yet told: no event of it is earlier than `start_ms`."""

    start_ms: int
    tell: Callable[[], list[Outgoing]]


def rfc3339(ms: int) -> str:
    """`2019-03-23T20:21:09.000Z` of milliseconds since the epoch."""
    day, rest_ms = divmod(ms, DAY_MS)
    minute, rest_ms = divmod(rest_ms, MINUTE_MS)
    second, rest_ms = divmod(rest_ms, 1000)
    return f"{_date(day)}{minute // 60:02d}:{minute % 60:02d}:{second:02d}.{rest_ms:03d}Z"


@lru_cache(maxsize=64)
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%dT")


@dataclass(frozen=True, slots=True)
class Tariff:
    """What money is in (ISO 4217 codes): the fares, and an amount that the platform knows no more of."""

    currency: str
    platform: str

    def other(self) -> str:
        """A currency that is neither the fares' nor the one that is taken for granted."""
        return next(code for code in ("USD", "EUR", "GBP") if code not in (self.currency, self.platform))


class Story:
    """Collects events; its dice depend on the scope and the story's name alone.

    The currency of the fares is named on every event with money; where it is the platform's own, on
    every second one, and left to the default elsewhere.
    """

    def __init__(self, ids: Ids, name: str, tariff: Tariff) -> None:
        self.ids = ids
        self.name = name
        self._namespace = ids.namespace
        self.dice = random.Random(f"{ids.scope}|{name}")
        self._tariff = tariff
        self.foreign_currency: str | None = None
        self.events: list[Outgoing] = []

    def money(self) -> dict[str, str]:
        """The `currency` field of an event with money, or nothing."""
        if self.foreign_currency:
            return {"currency": self.foreign_currency}
        may_be_left_out = self.dice.random() >= 0.5 and self._tariff.currency == self._tariff.platform
        return {} if may_be_left_out else {"currency": self._tariff.currency}

    def add(self, event_type: str, at_ms: int, key: str, zone: Zone | None, fields: dict[str, Any]) -> None:
        """Add an event; about half of them say where they happened, when a `zone` is given."""
        body = {
            "event_type": event_type,
            "event_id": self.next_id(),
            "event_timestamp": rfc3339(at_ms),
            **fields,
            **(self._place(zone) if zone else {}),
        }
        self.events.append(Outgoing(at_ms, TOPIC_BY_TYPE[event_type], key, body))

    def next_id(self) -> str:
        """The identity of the story's next event."""
        return uuid5_text(self._namespace, f"{self.name}/{len(self.events)}")

    def told(self) -> list[Outgoing]:
        """The events in event-time order."""
        return sorted(self.events, key=lambda event: event.at_ms)

    def _place(self, zone: Zone) -> dict[str, str]:
        # A few events carry only one of the two: an event with a city has a place of its own,
        # one with only a state has not.
        dice = self.dice.random()
        if dice < 0.47:
            return {"city": zone.city, "state": zone.state}
        if dice < 0.49:
            return {"city": zone.city}
        return {"state": zone.state} if dice < 0.50 else {}


def in_time_order(chapters: Iterable[Chapter]) -> Iterator[Outgoing]:
    """Events of all `chapters` by event time, holding only the stories that are under way.

    `chapters` come by `start_ms`. Events of one time keep the order of their chapters.
    """
    waiting: list[tuple[int, int, Outgoing]] = []
    number = 0
    for chapter in chapters:
        while waiting and waiting[0][0] < chapter.start_ms:
            yield heapq.heappop(waiting)[2]
        for event in chapter.tell():
            heapq.heappush(waiting, (event.at_ms, number, event))
            number += 1
    while waiting:
        yield heapq.heappop(waiting)[2]
