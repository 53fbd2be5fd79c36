"""Executions as the tiers of a scheduler send them: a backlog, or at a rate."""

import random
import time
import uuid
import zlib
from collections.abc import Iterator
from typing import Any, Final

import orjson

from bench.feed import Feed
from bench.payloads import Payload, stamp
from bench.schedules.kinds import EVENT_TYPES, NODES, SCHEDULES
from openride_stream.events.topics import TOPICS, Tier
from openride_stream.settings import Settings

_SEED: Final = 2030
_SPREAD_MS: Final = 6 * 3_600_000
_UPDATED: Final = 0.02
_FAILED: Final = 0.04
_QUEUES: Final[dict[Tier, str]] = {
    "mongo_periodic": "time_in_mongo_queue_ms",
    "clickhouse_delayed": "time_in_clickhouse_queue_ms",
    "redis_immediate": "time_in_redis_queue_ms",
}
_NAMES: Final = {topic.tier: topic.name for topic in TOPICS if topic.tier}


def backlog(count: int) -> Iterator[Payload]:
    """`count` records of the last hours, one in fifty an update; the same but for when they end."""
    chance, now_ms = random.Random(_SEED), time.time_ns() // 1_000_000
    for number in range(count):
        yield _payload(chance, now_ms - _SPREAD_MS + number * _SPREAD_MS // count)


async def paced(settings: Settings, rate_per_s: float) -> None:
    """Send executions of now until cancelled."""
    chance = random.Random(_SEED + 1)
    async with Feed.open(settings) as feed:
        while True:
            now_ms = time.time_ns() // 1_000_000
            await feed.send_at_rate(
                [_payload(chance, now_ms) for _ in range(max(int(rate_per_s), 1))], rate_per_s
            )


def _payload(chance: random.Random, at_ms: int) -> Payload:
    tier = chance.choice([*_QUEUES])
    schedule = f"schedule {chance.randrange(SCHEDULES)}"
    body = _execution(chance, tier, schedule, at_ms) if chance.random() >= _UPDATED else _update(chance)
    key = schedule.encode()
    return Payload(_NAMES[tier], key, zlib.crc32(key), orjson.dumps(body))


def _execution(chance: random.Random, tier: Tier, schedule: str, at_ms: int) -> dict[str, Any]:
    waited_ms, took_ms, failed = chance.randrange(9_000), chance.randrange(2, 150), chance.random() < _FAILED
    body = {
        "analytics_id": _uuid(chance),
        "schedule_type": tier,
        "schedule_id": schedule,
        "schedule_name": f"Work of {schedule}",
        "event_type": chance.choice(EVENT_TYPES),
        "event_action": "send",
        "correlation_id": _uuid(chance),
        "scheduled_at": _text(at_ms - waited_ms),
        "started_processing_at": _text(at_ms),
        "completed_at": _text(at_ms + took_ms),
        "execution_result": "failure" if failed else "success",
        "retry_count": 0,
        _QUEUES[tier]: waited_ms,
        "total_processing_time_ms": took_ms,
        "processed_by_node": f"scheduler-{chance.randrange(NODES)}",
    }
    return body | {"error_message": f"no answer within {took_ms} ms"} if failed else body


def _update(chance: random.Random) -> dict[str, Any]:
    changed = {"execution_result": "success", "total_processing_time_ms": chance.randrange(9_000)}
    return {"update": True, "analytics_id": _uuid(chance), "event_id": _uuid(chance), **changed}


def _text(ms: int) -> str:
    return stamp(ms).decode()


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
