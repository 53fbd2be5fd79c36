"""Users who registered over some weeks, and how far each of them came."""

import random
import uuid

from openride_stream.clock import rfc3339
from openride_stream.events.example import example
from tests.tables.rides import Event

MINUTE_MS, DAY_MS = 60_000, 86_400_000
STEPS = ("user.registered", "booking.created", "payment.initiated", "payment.success", "trip.completed")
TODAY = 9
"""So many of them registered in the last hours."""


def registrations(seed: int, now_ms: int, users: int = 24) -> list[Event]:
    """Each takes as many steps to a ride as chance has it, ten minutes apart; some come back."""
    chance = random.Random(seed)
    return [event for place in range(users) for event in _one(chance, now_ms, place)]


def _one(chance: random.Random, now_ms: int, place: int) -> list[Event]:
    def drawn() -> str:
        return str(uuid.UUID(int=chance.getrandbits(128), version=4))

    days = 0 if place < TODAY else chance.randrange(1, 7 if place % 2 else 27)
    at_ms = now_ms - days * DAY_MS - chance.randrange(120, 480) * MINUTE_MS
    user, *others = (drawn() for _ in range(4))
    named = {"user_id": user, "rider_id": user}
    named |= dict(zip(("booking_id", "payment_id", "trip_id"), others, strict=True))

    def event(name: str, moment_ms: int) -> Event:
        made = example(name) | {"event_id": drawn(), "event_timestamp": rfc3339(moment_ms)}
        return made | {field: one for field, one in named.items() if field in made}

    steps = STEPS[: chance.randrange(1, len(STEPS) + 1)]
    found = [event(name, at_ms + step * 10 * MINUTE_MS) for step, name in enumerate(steps)]
    back = [day for day in range(1, days) if chance.random() < 0.4]
    return found + [event("user.activity", at_ms + day * DAY_MS) for day in back]
