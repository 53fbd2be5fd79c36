"""Users: registration, identity check (KYC), riders who become drivers."""

from typing import Final

from openride_stream.replay.cast import Cast
from openride_stream.replay.story import HOUR_MS, MINUTE_MS, Chapter, Outgoing, Story, Tariff
from openride_stream.replay.zones import BOROUGHS, Zone, zone_of

_FIRST_NAMES: Final = ("Adaeze", "Bola", "Chidi", "Dayo", "Efe", "Folake", "Grace", "Hauwa", "Ibrahim", "Zoë")
_LAST_NAMES: Final = ("Bello", "Chukwu", "Danjuma", "Eze", "Okafor", "O'Neill", "Musa", "Ojo", "Sule")
_HOMES: Final = tuple(borough for borough in BOROUGHS if borough != "EWR")


def rider_chapter(cast: Cast, number: int, tariff: Tariff) -> Chapter:
    """The story of a rider: registered, perhaps verified, rarely upgraded."""
    start_ms = cast.riders.joins_ms(number)
    return Chapter(start_ms, lambda: _rider(cast, number, start_ms, tariff))


def driver_chapter(cast: Cast, number: int, tariff: Tariff) -> Chapter:
    """The story of a driver: registered as one, or as a rider who is upgraded within two hours."""
    start_ms = cast.drivers.joins_ms(number)
    return Chapter(start_ms, lambda: _driver(cast, number, start_ms, tariff))


def _rider(cast: Cast, number: int, start_ms: int, tariff: Tariff) -> list[Outgoing]:
    story = Story(cast.ids, f"rider/{number}/life", tariff)
    user_id, home = cast.rider_id(number), _home(story)
    role = "ADMIN" if number % 400 == 1 else "RIDER"
    _register(story, user_id, role, start_ms, 20_000_000 + number)
    _verify(story, user_id, start_ms, home, likely=0.8)
    if story.dice.random() < 0.03:
        # Becomes a driver and never opens a route.
        upgraded_ms = start_ms + story.dice.randrange(3 * HOUR_MS, 48 * HOUR_MS)
        story.add("user.upgraded_to_driver", upgraded_ms, user_id, home, {"user_id": user_id})
    return story.told()


def _driver(cast: Cast, number: int, start_ms: int, tariff: Tariff) -> list[Outgoing]:
    story = Story(cast.ids, f"driver/{number}/life", tariff)
    user_id, home = cast.driver_id(number), _home(story)
    upgraded = story.dice.random() < 0.4
    _register(story, user_id, "RIDER" if upgraded else "DRIVER", start_ms, 10_000_000 + number)
    _verify(story, user_id, start_ms, home, likely=0.97)
    if upgraded:
        at_ms = start_ms + story.dice.randrange(30 * MINUTE_MS, 110 * MINUTE_MS)
        roles = {"previous_role": "RIDER", "new_role": "DRIVER"}
        story.add("user.upgraded_to_driver", at_ms, user_id, home, {"user_id": user_id, **roles})
    return story.told()


def _home(story: Story) -> Zone:
    return zone_of("", story.dice.choice(_HOMES))


def _register(story: Story, user_id: str, role: str, at_ms: int, line: int) -> None:
    dice, home = story.dice, _home(story)
    first, last = dice.choice(_FIRST_NAMES), dice.choice(_LAST_NAMES)
    fields = {"user_id": user_id, "phone": f"+2348{line:09d}", "role": role}
    if dice.random() < 0.8:
        fields |= {"full_name": f"{first} {last}", "email": f"{first}.{line}@example.com".lower()}
    if dice.random() < 0.2:
        fields["referral_code"] = f"REF{dice.randrange(10_000):04d}"
    story.add("user.registered", at_ms, user_id, home, fields)


def _verify(story: Story, user_id: str, registered_ms: int, home: Zone, likely: float) -> None:
    dice = story.dice
    at_ms = registered_ms + dice.randrange(5 * MINUTE_MS, 100 * MINUTE_MS)
    if dice.random() < 0.1:
        fields = {"user_id": user_id, "kyc_status": "REJECTED", "verification_notes": "document not readable"}
        story.add("user.kyc_verified", at_ms, user_id, home, fields)
        at_ms += dice.randrange(1 * HOUR_MS, 24 * HOUR_MS)
    if dice.random() < likely:
        fields = {"user_id": user_id, "kyc_status": "VERIFIED", "verified_by": "smile-id"}
        story.add("user.kyc_verified", at_ms, user_id, home, fields)
