"""The events of a benchmark: the twenty types in a realistic mix, the same ones at every run."""

import random
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from openride_stream.events.example import example
from openride_stream.events.registry import DOMAIN_OF, TOPIC_OF

WEIGHTS: Final[dict[str, float]] = {
    "driver.location.updated": 70.0,
    "user.registered": 1.0,
    "user.kyc_verified": 0.6,
    "user.upgraded_to_driver": 0.2,
    "user.activity": 6.0,
    "booking.created": 3.6,
    "booking.confirmed": 2.6,
    "booking.cancelled": 0.6,
    "booking.completed": 2.0,
    "payment.initiated": 2.8,
    "payment.success": 2.4,
    "payment.failed": 0.4,
    "payment.refunded": 0.3,
    "trip.started": 2.4,
    "trip.completed": 2.2,
    "trip.cancelled": 0.2,
    "route.created": 0.8,
    "route.activated": 0.7,
    "route.cancelled": 0.2,
    "route.updated": 1.0,
}
"""Percent of each type."""
_KEYS: Final = {
    "user": "user_id",
    "booking": "booking_id",
    "payment": "payment_id",
    "trip": "trip_id",
    "route": "route_id",
    "location": "driver_id",
}
_IDS: Final = ("user_id", "booking_id", "payment_id", "trip_id", "route_id", "driver_id", "rider_id")
_POOL: Final = 5_000
STAMP: Final = "2026-01-01T00:00:00.000Z"
"""Stands for the event time until an event is sent; as long as any other."""
_STAMP_BYTES: Final = STAMP.encode()
_ID_FIELD: Final = b'"event_id":"'
_ID_HEAD: Final = 8


@dataclass(frozen=True, slots=True)
class Payload:
    """One event, all but its time; `partition_seed` modulo the partitions is its partition."""

    topic: str
    key: bytes
    partition_seed: int
    value: bytes

    def at(self, stamp: bytes) -> bytes:
        """The record's value with the event time `stamp`, 24 characters of RFC 3339."""
        return self.value.replace(_STAMP_BYTES, stamp, 1)


def renewed(payload: Payload, cycle: int) -> Payload:
    """The same event under another event_id; cycle 0 leaves it as it is."""
    begin = payload.value.index(_ID_FIELD) + len(_ID_FIELD)
    end = begin + _ID_HEAD
    head = b"%08x" % ((int(payload.value[begin:end], 16) + cycle) % (1 << 32))
    return replace(payload, value=payload.value[:begin] + head + payload.value[end:])


def stamp(epoch_ms: int) -> bytes:
    """An event time as it is written in a payload."""
    moment = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def payloads(count: int, seed: int) -> Iterator[Payload]:
    """`count` events of the mix, by the seed; no two share an event_id."""
    chance = random.Random(seed)
    pool = [_uuid(chance) for _ in range(_POOL)]
    samples = {name: example(name) for name in WEIGHTS}
    for name in chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=count):
        yield _payload(name, _event(samples[name], chance, pool))


def _event(sample: dict[str, Any], chance: random.Random, pool: list[str]) -> dict[str, Any]:
    event = sample | {"event_id": _uuid(chance), "event_timestamp": STAMP}
    for name in _IDS:
        if name in event:
            event[name] = pool[int(chance.random() * _POOL)]
    if "lat" in event:
        event["lat"] = round(6.4 + chance.random() / 4, 6)
        event["lon"] = round(3.2 + chance.random() / 4, 6)
        event["speed_kmh"] = round(chance.random() * 90, 1)
        # As an app sends it that counts its bytes: nothing that has a default, a trip only when on one.
        del event["schema_version"], event["state"]
        if chance.random() < 0.5:
            del event["trip_id"]
    return event


def _payload(name: str, event: dict[str, Any]) -> Payload:
    key = event[_KEYS[DOMAIN_OF[name]]].encode()
    return Payload(TOPIC_OF[name].name, key, zlib.crc32(key), orjson.dumps(event))


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
