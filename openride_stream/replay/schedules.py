"""Schedule executions of three tiers: reminders of confirmed bookings, and the platform's regular work."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from openride_stream.replay.ids import Ids
from openride_stream.replay.routing import TOPIC_BY_TIER
from openride_stream.replay.story import MINUTE_MS, Chapter, Outgoing, Story, Tariff, rfc3339

LONGEST_MS: Final = MINUTE_MS  # no execution is later than this after what was due
_NODES: Final = ("scheduler-1", "scheduler-2", "scheduler-3")
_FAILURES: Final = ("connection to push gateway timed out after {n} ms", "device token {n} is not registered")


@dataclass(frozen=True, slots=True)
class Regular:
    """Work that is due again and again, every `EVERY_MS`, `offset_ms` after the full minute."""

    name: str
    event_type: str
    event_action: str
    offset_ms: int


EVERY_MS: Final = MINUTE_MS
REGULARS: Final = (
    Regular("expiry of unpaid bookings", "booking", "expire", 0),
    Regular("driver payouts", "payment", "payout", 20_000),
    Regular("clean-up of silent drivers", "location", "expire", 40_000),
)


def regular_chapters(ids: Ids, from_ms: int, until_ms: int, tariff: Tariff) -> Iterator[Chapter]:
    """The regular work that is due in `from_ms`..`until_ms`, by when it is due."""
    for minute_ms in range(from_ms // EVERY_MS * EVERY_MS, until_ms, EVERY_MS):
        for regular in REGULARS:
            due_ms = minute_ms + regular.offset_ms
            if from_ms <= due_ms < until_ms:
                yield Chapter(due_ms, partial(_work, ids, regular, due_ms, tariff))


def _work(ids: Ids, regular: Regular, due_ms: int, tariff: Tariff) -> list[Outgoing]:
    story = Story(ids, f"schedule/{regular.name}/{due_ms}", tariff)
    chain = {
        "event_type": regular.event_type,
        "event_action": regular.event_action,
        "schedule_name": regular.name,
        "correlation_id": ids.of(f"correlation/{story.name}"),
        "scheduled_at": rfc3339(due_ms),
    }
    _pass_tiers(
        story, _Entry(regular.name, f"{regular.event_type}:{regular.event_action}:{due_ms}"), chain, due_ms
    )
    return story.told()


def remind(story: Story, booking_id: str, due_ms: int) -> None:
    """The reminder of a booking; nothing of it is later than `LONGEST_MS` after `due_ms`."""
    chain = {
        "event_type": "booking",
        "event_action": "reminder",
        "event_entity_id": booking_id,
        "schedule_name": "booking reminder",
        "correlation_id": story.ids.of(f"correlation/{booking_id}"),
        "scheduled_at": rfc3339(due_ms),
    }
    _pass_tiers(story, _Entry(booking_id, f"reminder:{booking_id}"), chain, due_ms)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the tiers keep of a schedule: what its ids are made from, and its key in Redis."""

    name: str
    redis_key: str


def _pass_tiers(story: Story, entry: _Entry, chain: dict[str, Any], due_ms: int) -> None:
    """Found by the periodic tier, handed to the delayed one, fired by the immediate one."""
    dice = story.dice
    mongo_ms = due_ms + dice.randrange(50, 3_000)
    queued = {"time_in_mongo_queue_ms": mongo_ms - due_ms}
    mongo_id = _execution(story, entry, "mongo_periodic", mongo_ms, {**chain, **queued})
    waited_ms = dice.randrange(1_000, 9_000)
    handed = {"time_in_clickhouse_queue_ms": waited_ms, "source_mongo_execution_id": mongo_id}
    delayed_id = _execution(story, entry, "clickhouse_delayed", mongo_ms + waited_ms, {**chain, **handed})
    _fire(story, entry, mongo_ms + waited_ms, {**chain, "source_clickhouse_id": delayed_id})


def _fire(story: Story, entry: _Entry, ready_ms: int, chain: dict[str, Any]) -> None:
    """Up to three tries on the immediate tier, five seconds apart."""
    dice, at_ms = story.dice, ready_ms
    for tries in range(3):
        waited_ms = int(dice.expovariate(1 / 120)) % 3_000
        at_ms += waited_ms
        fields = {
            **chain,
            "time_in_redis_queue_ms": waited_ms,
            "retry_count": tries,
            "source_redis_key": entry.redis_key,
        }
        if dice.random() < 0.94:
            _execution(story, entry, "redis_immediate", at_ms, fields)
            return
        text = dice.choice(_FAILURES).format(n=dice.randrange(1_000, 9_999))
        outcome = "retry" if tries < 2 else dice.choice(("failure", "timeout"))
        fields |= {"execution_result": outcome, "error_message": text}
        _execution(story, entry, "redis_immediate", at_ms, fields)
        at_ms += 5_000


def _execution(story: Story, entry: _Entry, tier: str, at_ms: int, fields: dict[str, Any]) -> str:
    """Add one execution that starts at `at_ms`; returns its analytics_id."""
    analytics_id = story.next_id()
    schedule_id = story.ids.of(f"schedule/{tier}/{entry.name}")
    took_ms = story.dice.randrange(2, 150)
    body = {
        "schedule_type": tier,
        "schedule_id": schedule_id,
        "analytics_id": analytics_id,
        "started_processing_at": rfc3339(at_ms),
        "completed_at": rfc3339(at_ms + took_ms),
        "execution_result": "success",
        "total_processing_time_ms": took_ms,
        "processed_by_node": story.dice.choice(_NODES),
        **fields,
    }
    story.events.append(Outgoing(at_ms, TOPIC_BY_TIER[tier], schedule_id, body))
    return analytics_id
