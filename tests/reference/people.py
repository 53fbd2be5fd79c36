"""What became of the users who registered: funnel, retention and cohorts, user by user and event by event."""

from collections.abc import Sequence
from typing import Any

from tests.reference.arithmetic import rate
from tests.reference.moments import DAY_MS, floor_to, label, next_after
from tests.reference.world import Event, World

STEPS = ("booking.created", "payment.initiated", "payment.success", "trip.completed")
Registrations = dict[str, Event]
"""The counted registration of each user who is asked about."""


def funnel(registered: Registrations, world: World, window_days: int) -> dict[str, Any]:
    deepest = [
        depth(event.ms, event.ms + window_days * DAY_MS, times_of(user, world))
        for user, event in registered.items()
    ]
    counts = [sum(reached >= step for reached in deepest) for step in range(len(STEPS) + 1)]
    return {
        "steps": [
            {
                "step_number": step + 1,
                "step_name": ("registered", *STEPS)[step],
                "count": count,
                "conversion_rate": rate(count, counts[0]),
                "drop_off_rate": rate(counts[max(step - 1, 0)] - count, counts[max(step - 1, 0)]),
            }
            for step, count in enumerate(counts)
        ],
        "overall_conversion_rate": rate(counts[-1], counts[0]),
    }


def times_of(user: str, world: World) -> list[list[int]]:
    return [[event.ms for event in world.by_type[step] if event.of("rider_id") == user] for step in STEPS]


def depth(since_ms: int, last_ms: int, steps: Sequence[Sequence[int]]) -> int:
    """How many steps can be gone, whichever event is taken for each: all ways are tried."""
    if not steps:
        return 0
    ways = {ms for ms in steps[0] if since_ms <= ms <= last_ms}
    return max((1 + depth(ms, last_ms, steps[1:]) for ms in ways), default=0)


def of_type(registered: Registrations, user_type: str, world: World, end_ms: int) -> Registrations:
    def driver(user: str, event: Event) -> bool:
        upgrade = world.upgrades.get(user)
        return event.body["role"] == "DRIVER" or (upgrade is not None and upgrade.ms < end_ms)

    def rider(user: str, event: Event) -> bool:
        return bool(event.body["role"] == "RIDER")

    kept = {"driver": driver, "rider": rider, "all": lambda user, event: True}[user_type]
    return {user: event for user, event in registered.items() if kept(user, event)}


def retention(registered: Registrations, world: World, today: int) -> dict[str, Any]:
    days: dict[str, set[int]] = {}
    for event in world.events:
        for user in event.users():
            days.setdefault(user, set()).add(event.ms // DAY_MS)
    answer = {}
    for after in (1, 7, 30):
        ended = [user for user, event in registered.items() if event.ms // DAY_MS + after < today]
        stayed = [user for user in ended if registered[user].ms // DAY_MS + after in days[user]]
        answer[f"d{after}"] = {
            "users": len(ended),
            "retained": len(stayed),
            "rate": rate(len(stayed), len(ended)),
        }
    return answer


def cohorts(
    registered: Registrations, world: World, first_ms: int, cohort_type: str, periods: int, now_ms: int
) -> dict[str, Any]:
    """`first_ms` is the start of the first cohort's period."""
    listed = []
    while first_ms <= now_ms:
        following = next_after(first_ms, cohort_type)
        users = {user for user, event in registered.items() if first_ms <= event.ms < following}
        listed.append(
            {
                "cohort_period": label(floor_to(first_ms, cohort_type))[:10],
                "cohort_size": len(users),
                "retention_by_period": shares(
                    users, registered, world, first_ms, cohort_type, periods, now_ms
                ),
            }
        )
        first_ms = following
    return {"cohorts": listed}


def shares(
    users: set[str],
    registered: Registrations,
    world: World,
    start_ms: int,
    cohort_type: str,
    periods: int,
    now_ms: int,
) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for k in range(periods):
        end_ms = next_after(start_ms, cohort_type)
        active = {
            user
            for event in world.between(start_ms, end_ms)
            for user in event.users()
            if user in users and event is not registered[user]
        }
        if k == 0:
            active = users
        found[f"period_{k}"] = rate(len(active), len(users)) if end_ms <= now_ms else None
        start_ms = end_ms
    return found
