"""Schedule executions: a confirmed booking leads to a reminder that passes the three tiers."""

from typing import Any, Final

from openride_stream.replay.routing import TOPIC_BY_TIER
from openride_stream.replay.story import Outgoing, Story, rfc3339

_NODES: Final = ("scheduler-1", "scheduler-2", "scheduler-3")
_FAILURES: Final = ("connection to push gateway timed out after {n} ms", "device token {n} is not registered")


def remind(story: Story, booking_id: str, due_ms: int) -> None:
    """The reminder of a booking: found by the periodic tier, handed to the delayed, fired by the immediate.

    Nothing of it is later than 60 s after `due_ms`.
    """
    dice = story.dice
    chain = {
        "event_type": "booking",
        "event_action": "reminder",
        "event_entity_id": booking_id,
        "schedule_name": "booking reminder",
        "correlation_id": story.ids.of(f"correlation/{booking_id}"),
        "scheduled_at": rfc3339(due_ms),
    }
    mongo_ms = due_ms + dice.randrange(50, 3_000)
    queued = {"time_in_mongo_queue_ms": mongo_ms - due_ms}
    mongo_id = _execution(story, "mongo_periodic", mongo_ms, {**chain, **queued})
    waited_ms = dice.randrange(1_000, 9_000)
    handed = {"time_in_clickhouse_queue_ms": waited_ms, "source_mongo_execution_id": mongo_id}
    delayed_id = _execution(story, "clickhouse_delayed", mongo_ms + waited_ms, {**chain, **handed})
    _fire(story, mongo_ms + waited_ms, {**chain, "source_clickhouse_id": delayed_id}, booking_id)


def _fire(story: Story, ready_ms: int, chain: dict[str, Any], booking_id: str) -> None:
    """Up to three tries on the immediate tier, five seconds apart."""
    dice, at_ms = story.dice, ready_ms
    for tries in range(3):
        waited_ms = int(dice.expovariate(1 / 120)) % 3_000
        at_ms += waited_ms
        fields = {
            **chain,
            "time_in_redis_queue_ms": waited_ms,
            "retry_count": tries,
            "source_redis_key": f"reminder:{booking_id}",
        }
        if dice.random() < 0.94:
            _execution(story, "redis_immediate", at_ms, fields)
            return
        text = dice.choice(_FAILURES).format(n=dice.randrange(1_000, 9_999))
        outcome = "retry" if tries < 2 else dice.choice(("failure", "timeout"))
        fields |= {"execution_result": outcome, "error_message": text}
        _execution(story, "redis_immediate", at_ms, fields)
        at_ms += 5_000


def _execution(story: Story, tier: str, at_ms: int, fields: dict[str, Any]) -> str:
    """Add one execution that starts at `at_ms`; returns its analytics_id."""
    analytics_id = story.next_id()
    schedule_id = story.ids.of(f"schedule/{tier}/{fields['event_entity_id']}")
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
