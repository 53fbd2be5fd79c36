"""Seeded hours of a small platform, as its producers would send them; times around a given clock."""

import random
import uuid
from typing import Any

from openride_stream.clock import rfc3339
from openride_stream.events.example import EXECUTION_NAME, example
from tests.reference.moments import event_ms
from tests.reference.realtime import TIERS

Event = dict[str, Any]
_MINUTE_MS = 60_000
_TYPES = (
    "user.activity",
    "booking.created",
    "booking.confirmed",
    "booking.cancelled",
    "payment.success",
    "trip.started",
    "trip.completed",
    "trip.cancelled",
    "route.created",
    "driver.location.updated",
)


def some_hours(seed: int, now_ms: int, count: int = 1500) -> list[Event]:
    """Events and schedule executions: most of the last hour, some hours old, some ahead of the clock."""
    rng = random.Random(seed)
    ids = {
        name: [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(size)]
        for name, size in (("user", 60), ("driver", 25), ("booking", 120), ("trip", 120))
    }
    return [_one(rng, ids, now_ms) for _ in range(count)]


def _one(rng: random.Random, ids: dict[str, list[str]], now_ms: int) -> Event:
    behind_ms = rng.choice([2, 8, 70, 500]) * rng.random() * _MINUTE_MS
    moment = rfc3339(round(now_ms - behind_ms + rng.choice([0, 0, 0, 9]) * _MINUTE_MS * rng.random()))
    identity = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    if rng.random() < 0.2:
        tier, field = rng.choice(list(TIERS.items()))
        waited = {field: rng.randrange(100_000)} if rng.random() < 0.9 else {}
        kept = {
            name: value for name, value in example(EXECUTION_NAME).items() if not name.startswith("time_in")
        }
        return kept | waited | {
            "schedule_type": tier, "analytics_id": identity, "started_processing_at": moment,
        }  # fmt: skip
    event = example(rng.choice(_TYPES)) | {"event_id": identity, "event_timestamp": moment}
    for role, name in (("user_id", "user"), ("rider_id", "user"), ("driver_id", "driver")):
        if role in event:
            event[role] = rng.choice(ids[name])
    place = rng.randrange(120)
    for name in ("booking", "trip"):
        if f"{name}_id" in event:
            event[f"{name}_id"] = ids[name][place]
    if "total_price" in event:
        event |= {"total_price": f"{rng.randrange(10**7) / 100:.2f}", "currency": rng.choice(["NGN", "KES"])}
    return event


def moment_of(event: Event) -> int:
    """Its event time in ms since the epoch."""
    return event_ms(event.get("event_timestamp") or event["started_processing_at"])


def moved(event: Event, ms: int) -> Event:
    """The same event at another moment."""
    name = "event_timestamp" if "event_id" in event else "started_processing_at"
    return event | {name: rfc3339(ms)}
