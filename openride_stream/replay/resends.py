"""Records that are sent more than once: the same bytes again, or another content under the same id."""

import heapq
import random
from collections.abc import Iterable, Iterator
from typing import Final

import orjson

from openride_stream.events.topics import BY_NAME
from openride_stream.replay.parcels import Parcel
from openride_stream.replay.story import DAY_MS, rfc3339

NEAR_RECORDS: Final = 50
FAR_RECORDS: Final = 20_000
_FURTHEST_BACK_DAYS: Final = 35


class Resender:
    """Sends a share of the records again: half of them soon, half of them much later.

    Args:
        dice: decides which and when.
        duplicates: share (0..1) of records whose bytes are sent again.
        conflicts: share (0..1) of records after which other bytes with the same event_id are sent.
    """

    def __init__(self, dice: random.Random, duplicates: float, conflicts: float) -> None:
        self._dice = dice
        self._duplicates = duplicates
        self._conflicts = conflicts
        self._waiting: list[tuple[int, int, Parcel]] = []
        self._count = 0

    def among(self, parcels: Iterable[Parcel]) -> Iterator[Parcel]:
        """All records in their order, with resent ones in between and the rest of them at the end."""
        at_ms = 0
        for parcel in parcels:
            at_ms = parcel.at_ms
            yield parcel
            self._count += 1
            if parcel.event_id and parcel.bad is None:
                self._throw(parcel)
            yield from self._due(self._count, at_ms)
        yield from self._due(self._count + FAR_RECORDS, at_ms)

    def _throw(self, parcel: Parcel) -> None:
        if self._dice.random() < self._duplicates:
            self._later(parcel._replace(duplicate_of=parcel.event_id))
        if self._conflicts and self._dice.random() < self._conflicts:
            self._later(self._altered(parcel))

    def _later(self, parcel: Parcel) -> None:
        near = self._dice.random() < 0.5
        delay = (
            self._dice.randrange(1, NEAR_RECORDS) if near else self._dice.randrange(NEAR_RECORDS, FAR_RECORDS)
        )
        heapq.heappush(self._waiting, (self._count + delay, len(self._waiting), parcel))

    def _due(self, count: int, at_ms: int) -> Iterator[Parcel]:
        while self._waiting and self._waiting[0][0] <= count:
            yield heapq.heappop(self._waiting)[2]._replace(at_ms=at_ms)

    def _altered(self, parcel: Parcel) -> Parcel:
        """The event as of another day, so that the two differ across months; locations only in a field."""
        body = orjson.loads(parcel.value or b"")
        body["revision"] = self._dice.randrange(1_000)
        if "event_timestamp" in body and BY_NAME[parcel.topic].domain != "location":
            body["event_timestamp"] = rfc3339(
                parcel.at_ms - self._dice.randrange(_FURTHEST_BACK_DAYS * DAY_MS)
            )
        return parcel._replace(value=orjson.dumps(body), duplicate_of=parcel.event_id)
