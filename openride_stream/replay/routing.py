"""Which topic an event belongs to, and which of its fields is the record's key."""

from collections.abc import Mapping
from typing import Any, Final

from openride_stream.events.registry import TOPIC_OF
from openride_stream.events.topics import TOPICS

_TOPIC_BY_DOMAIN: Final = {topic.domain: topic.name for topic in TOPICS if topic.tier is None}
TOPIC_BY_TIER: Final[dict[str, str]] = {topic.tier: topic.name for topic in TOPICS if topic.tier}
_KEY_BY_TOPIC: Final[dict[str, str]] = {
    **{name: f"{domain}_id" for domain, name in _TOPIC_BY_DOMAIN.items()},
    _TOPIC_BY_DOMAIN["location"]: "driver_id",
    **dict.fromkeys(TOPIC_BY_TIER.values(), "schedule_id"),
}
TOPIC_BY_TYPE: Final[dict[str, str]] = {name: topic.name for name, topic in TOPIC_OF.items()}


def topic_of(body: Mapping[str, Any]) -> str | None:
    """Topic of an event or a schedule execution; None when its type is not in the contract."""
    tier = body.get("schedule_type")
    if isinstance(tier, str) and tier in TOPIC_BY_TIER:
        return TOPIC_BY_TIER[tier]
    event_type = body.get("event_type")
    return TOPIC_BY_TYPE.get(event_type) if isinstance(event_type, str) else None


def key_of(topic: str, body: Mapping[str, Any]) -> str | None:
    """The record's key by the contract, or None when the event does not carry it."""
    key = body.get(_KEY_BY_TOPIC.get(topic, ""))
    return key if isinstance(key, str) else None
