"""What is sent: real trips, roughened, with records that are large, late, bad in a row, or there twice.

A stream is a function of its seed, of the moment that its last trip ends, and of what was sent before
(some of which it sends again, byte for byte or with another content under the same event_id).
"""

import hashlib
import random
from collections.abc import Sequence
from functools import cache

import orjson

from openride_stream.replay.dressing import Roughness, dressed
from openride_stream.replay.lifecycle import Recipe, make_pass, shift_to_end
from openride_stream.replay.parcels import Parcel
from openride_stream.replay.story import Tariff
from openride_stream.replay.trips import Trip, read_trips
from tests.tables.rides import moment_of, some_hours
from tests.tables.test_realtime import topic_of

TRIPS = 90
LIVE_EVENTS = 200
LOCATION_SHARE = 0.25
LATE_SHARE = 0.1
BAD_IN_A_ROW = 200
AGAIN = 40
ROUGHNESS = {"bad": 0.03, "duplicates": 0.06, "conflicts": 0.02, "without_ids": 0.03}
LARGE_BYTES = 900_000
TOO_LARGE_BYTES = 2_000_000  # more than the contract allows, less than the topics take
LOCATION_TOPIC = "openride.events.location"


def make_stream(
    seed: int, end_ms: int, retention_days: dict[str, int], earlier: Sequence[Parcel] = ()
) -> list[Parcel]:
    """The records in the order of their sending; `bad` of each is the class it must be refused with."""
    dice = random.Random(f"stream {seed}")
    trips = sorted(dice.sample(all_trips(), TRIPS), key=lambda trip: trip.pickup_ms)
    recipe = Recipe(seed, shift_to_end(trips, end_ms), 0, Tariff("NGN", "NGN"), 0.3, None)
    rough = Roughness(seed=seed, **ROUGHNESS)
    told = [event for event in make_pass(trips, recipe).events() if _kept(event.topic, dice)]
    parcels = list(dressed(told, recipe.ids().scope, rough, retention_days))
    parcels = _with_late_ones(parcels, dice)
    for extra in (_large(parcels, dice), _too_large(parcels, dice), *_again(earlier, dice)):
        parcels.insert(dice.randrange(len(parcels)), extra)
    place = dice.randrange(len(parcels))
    return parcels[:place] + _bad_in_a_row(parcels, dice) + parcels[place:]


def make_live(seed: int, now_ms: int) -> list[Parcel]:
    """Events of the hours before `now_ms`, most of the last one, in any order; a tenth of them twice."""
    dice = random.Random(f"live {seed}")
    events = [event for event in some_hours(seed, now_ms, LIVE_EVENTS) if moment_of(event) <= now_ms]
    events += dice.sample(events, len(events) // 10)
    dice.shuffle(events)
    return [
        Parcel(
            moment_of(event),
            topic_of(event),
            None,
            orjson.dumps(event),
            event.get("event_id", event.get("analytics_id")),
        )
        for event in events
    ]


def mingled(parcels: Sequence[Parcel], others: Sequence[Parcel]) -> list[Parcel]:
    """`others` evenly among the parcels, both in their order."""
    share = len(parcels) / max(1, len(others))
    places = [*enumerate(parcels), *(((place + 0.5) * share, one) for place, one in enumerate(others))]
    return [one for _, one in sorted(places, key=lambda placed: placed[0])]


@cache
def all_trips() -> tuple[Trip, ...]:
    return tuple(read_trips())


def identity_of(parcel: Parcel) -> tuple[str, bytes]:
    """What tells records apart in a log: the topic and the hash of the value."""
    return parcel.topic, hashlib.sha256(parcel.value or b"").digest()


def _kept(topic: str, dice: random.Random) -> bool:
    return topic != LOCATION_TOPIC or dice.random() < LOCATION_SHARE


def _with_late_ones(parcels: list[Parcel], dice: random.Random) -> list[Parcel]:
    """Some are sent much later: hours and days of event time after their neighbours."""
    places = [
        (dice.randrange(place, len(parcels)) if dice.random() < LATE_SHARE else place, place)
        for place in range(len(parcels))
    ]
    return [parcels[place] for _, place in sorted(places)]


def _good(parcels: Sequence[Parcel], dice: random.Random) -> Parcel:
    domains = ("booking", "payment", "trip", "user", "route")
    return dice.choice(
        [
            parcel
            for parcel in parcels
            if parcel.event_id and parcel.topic.endswith(domains) and not parcel.bad
        ]
    )


def _large(parcels: Sequence[Parcel], dice: random.Random) -> Parcel:
    """An event of its own, of 900 kB."""
    good = _good(parcels, dice)
    event_id = _uuid(dice)
    body = orjson.loads(good.value or b"") | {"event_id": event_id, "padding": _padding(dice, LARGE_BYTES)}
    return good._replace(value=orjson.dumps(body), event_id=event_id, duplicate_of=None)


def _too_large(parcels: Sequence[Parcel], dice: random.Random) -> Parcel:
    good = _good(parcels, dice)
    body = orjson.loads(good.value or b"") | {"padding": _padding(dice, TOO_LARGE_BYTES)}
    return good._replace(value=orjson.dumps(body), event_id=None, bad="RecordTooLarge")


def _again(earlier: Sequence[Parcel], dice: random.Random) -> list[Parcel]:
    """Events of long ago: half of them as they were, half of them with another content."""
    known = [parcel for parcel in earlier if parcel.event_id and not parcel.bad]
    chosen = dice.sample(known, min(AGAIN, len(known)))
    return [parcel if dice.random() < 0.5 else _altered(parcel, dice) for parcel in chosen]


def _altered(parcel: Parcel, dice: random.Random) -> Parcel:
    body = orjson.loads(parcel.value or b"") | {"revision": dice.randrange(10**6)}
    return parcel._replace(value=orjson.dumps(body), duplicate_of=parcel.event_id)


def _bad_in_a_row(parcels: Sequence[Parcel], dice: random.Random) -> list[Parcel]:
    """Enough of one key that whole fetched batches are bad."""
    good = _good(parcels, dice)
    number = dice.randrange(10**9)
    values = [b'{"event_type": broken %d %d' % (number, place) for place in range(BAD_IN_A_ROW)]
    return [good._replace(value=value, event_id=None, bad="MalformedJson") for value in values]


def _padding(dice: random.Random, length: int) -> str:
    """Text that compresses no better than producers' text does."""
    return (dice.randbytes(1024).hex() * (length // 2048 + 1))[:length]


def _uuid(dice: random.Random) -> str:
    text = dice.randbytes(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"
