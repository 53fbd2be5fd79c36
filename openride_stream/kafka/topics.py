"""The application's topics: created by us, with equal partition counts, never by the broker's guess."""

import asyncio
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from openride_stream.errors import BrokerUnavailable, ConfigurationError
from openride_stream.events.topics import TOPICS
from openride_stream.kafka.admin import open_admin, partition_counts
from openride_stream.kafka.changelog import LIVE_MAX_MESSAGE_BYTES, LIVE_TOPIC
from openride_stream.settings import Settings

# A record over settings.max_record_bytes has to reach us, so that it is dead-lettered with a reason
# rather than refused at the producer: the broker's own limit is twice the default of ours.
SOURCE_MAX_MESSAGE_BYTES: Final = 2 * 1024 * 1024
DEAD_LETTER_MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024

# Ends of trips are kept an hour longer than starts, and clocks differ.
_LIVE_SPARE_HOURS: Final = 2
_HOUR_MS: Final = 3_600_000

_KNOWN_ATTEMPTS: Final = 100
_KNOWN_INTERVAL_S: Final = 0.1
_NO_ERROR: Final = 0
_TOPIC_ALREADY_EXISTS: Final = 36


class Kept(Enum):
    """How long a topic's records are kept."""

    AS_THE_BROKER_SAYS = auto()
    AS_DEAD_LETTERS = auto()
    AS_LIVE_TABLES = auto()


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic that has to exist."""

    name: str
    max_message_bytes: int
    kept: Kept = Kept.AS_THE_BROKER_SAYS


def planned_topics() -> tuple[TopicPlan, ...]:
    """The nine source topics, their nine dead-letter topics, and the changelog of the live tables."""
    sources = tuple(TopicPlan(topic.name, SOURCE_MAX_MESSAGE_BYTES) for topic in TOPICS)
    dead_letters = tuple(
        TopicPlan(topic.dead_letter_topic, DEAD_LETTER_MAX_MESSAGE_BYTES, Kept.AS_DEAD_LETTERS)
        for topic in TOPICS
    )
    return (*sources, *dead_letters, TopicPlan(LIVE_TOPIC, LIVE_MAX_MESSAGE_BYTES, Kept.AS_LIVE_TABLES))


async def create_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing and return their names; safe to run from several processes.

    Raises:
        ConfigurationError: a topic exists with another partition count than `settings.topic_partitions`.
        BrokerUnavailable: no broker answered, or it refused to create a topic.
    """
    async with open_admin(settings) as admin:
        existing = await partition_counts(admin)
        missing = [plan for plan in planned_topics() if plan.name not in existing]
        created = await _create(admin, missing, settings)
        counts = await _counts_once_known(admin)
    problems = partition_problems(counts, settings.topic_partitions)
    if problems:
        raise ConfigurationError("; ".join(problems.values()))
    return created


def partition_problems(existing: dict[str, int], partitions: int) -> dict[str, str]:
    """What is wrong with the planned topics among `existing` (name -> partition count), by topic name."""
    problems: dict[str, str] = {}
    for plan in planned_topics():
        count = existing.get(plan.name)
        if count is None:
            problems[plan.name] = f"topic {plan.name} does not exist"
        elif count != partitions:
            problems[plan.name] = (
                f"topic {plan.name} has {count} partitions, but OPENRIDE_TOPIC_PARTITIONS is {partitions}"
            )
    return problems


async def _counts_once_known(admin: AIOKafkaAdminClient) -> dict[str, int]:
    # A broker of a cluster hears of a new topic a moment after the controller has created it.
    for _ in range(_KNOWN_ATTEMPTS):
        counts = await partition_counts(admin)
        if all(counts.get(plan.name) for plan in planned_topics()):
            break
        await asyncio.sleep(_KNOWN_INTERVAL_S)
    return counts


async def _create(admin: AIOKafkaAdminClient, plans: list[TopicPlan], settings: Settings) -> list[str]:
    if not plans:
        return []
    answer = await admin.create_topics([_new_topic(plan, settings) for plan in plans])
    created: list[str] = []
    for name, code, *rest in answer.topic_errors:
        if code == _NO_ERROR:
            created.append(name)
        elif code != _TOPIC_ALREADY_EXISTS:  # another process was quicker: as good as created
            message = (
                f"could not create topic {name}: {for_code(code).__name__} {(rest or [''])[0] or ''}".rstrip()
            )
            raise BrokerUnavailable(message)
    return created


def _new_topic(plan: TopicPlan, settings: Settings) -> NewTopic:
    configs = {"max.message.bytes": str(plan.max_message_bytes)}
    if plan.kept is Kept.AS_DEAD_LETTERS:
        # Kafka's usual week would end before anybody has looked; events keep the broker's own retention.
        configs["retention.ms"] = str(settings.retention_dead_letters_days * 86_400_000)
    elif plan.kept is Kept.AS_LIVE_TABLES:
        configs |= {
            "cleanup.policy": "delete",
            "retention.ms": str((settings.live_hours + _LIVE_SPARE_HOURS) * _HOUR_MS),
            # Only whole segments are deleted, and a day of them would be read at every start.
            "segment.ms": str(_HOUR_MS),
        }
    return NewTopic(
        plan.name,
        num_partitions=settings.topic_partitions,
        replication_factor=settings.topic_replication,
        topic_configs=configs,
    )
