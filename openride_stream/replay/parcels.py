"""Parcels: what is sent, byte for byte, and why."""

import random
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import orjson

from openride_stream.replay.story import Outgoing


class Parcel(NamedTuple):
    """A record to send.

    Attributes:
        at_ms: event time in ms since the epoch: when it is due on the replay's clock.
        topic: where it goes.
        key: the record's key, or None.
        value: the record's value; None is a tombstone.
        event_id: identity of the event; None when the event has none and for bad records.
        bad: class of the error that it is to be rejected with; None for a good one.
        duplicate_of: the event_id that has been sent before; None for the first.
    """

    at_ms: int
    topic: str
    key: bytes | None
    value: bytes | None
    event_id: str | None
    bad: str | None = None
    duplicate_of: str | None = None


def packed(
    events: Iterable[Outgoing], dice: random.Random, without_ids: float = 0.0, keyless: float = 0.01
) -> Iterator[Parcel]:
    """Events as JSON bytes; shares (0..1) of them lose their identity or their key."""
    dumps, throw = orjson.dumps, dice.random
    for at_ms, topic, key, body in events:
        id_field = "event_id" if "event_id" in body else "analytics_id"
        if without_ids and throw() < without_ids:
            del body[id_field]
        name = None if throw() < keyless else key.encode()
        yield Parcel(at_ms, topic, name, dumps(body), body.get(id_field))
