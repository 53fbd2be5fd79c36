import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from openride_stream.embedded.ports import LOOPBACK, free_port
from openride_stream.errors import BrokerUnavailable, ConfigurationError
from openride_stream.events.topics import TOPICS
from openride_stream.kafka.admin import cluster_id, open_admin, partition_counts
from openride_stream.kafka.changelog import LIVE_TOPIC
from openride_stream.kafka.topics import create_topics, partition_problems, planned_topics
from openride_stream.settings import Settings


async def test_every_topic_and_its_dead_letter_topic_is_created_once(settings: Settings) -> None:
    created = await create_topics(settings)
    assert len(created) == 19
    assert set(created) == {t.name for t in TOPICS} | {f"{t.name}.dlq" for t in TOPICS} | {LIVE_TOPIC}
    assert await create_topics(settings) == []
    async with open_admin(settings) as admin:
        counts = await partition_counts(admin)
    assert set(counts.values()) == {3}


async def test_live_tables_and_dead_letters_are_kept_as_long_as_the_settings_say(settings: Settings) -> None:
    asked = settings.model_copy(update={"live_hours": 6, "retention_dead_letters_days": 30})
    await create_topics(asked)
    kept = (LIVE_TOPIC, "openride.events.trip.dlq", "openride.events.trip")
    async with open_admin(settings) as admin:
        told = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in kept])
    found = {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in told
        for resource in answer.resources
    }
    live, letters, events = (found[name] for name in kept)
    # Two hours to spare, by segments of an hour: bounded, whatever the broker's own retention is.
    assert (live["cleanup.policy"], live["retention.ms"], live["segment.ms"]) == (
        "delete",
        "28800000",
        "3600000",
    )
    assert letters["retention.ms"] == str(30 * 86_400_000)
    assert "retention.ms" not in events


async def test_a_topic_with_another_partition_count_is_named(settings: Settings) -> None:
    async with open_admin(settings) as admin:
        await admin.create_topics([NewTopic("openride.events.trip", 4, 1)])
    with pytest.raises(ConfigurationError, match=r"openride\.events\.trip has 4 partitions.*is 3"):
        await create_topics(settings)


def test_missing_topics_are_problems() -> None:
    problems = partition_problems({"openride.events.user": 8}, 8)
    assert "openride.events.user" not in problems
    assert len(problems) == len(planned_topics()) - 1
    assert problems["openride.events.trip.dlq"] == "topic openride.events.trip.dlq does not exist"


async def test_an_absent_broker_is_a_transient_error_that_names_it() -> None:
    bootstrap = f"{LOOPBACK}:{free_port()}"
    with pytest.raises(BrokerUnavailable, match=bootstrap):
        await create_topics(Settings(kafka_bootstrap_servers=bootstrap))


async def test_the_cluster_id_changes_when_the_log_begins_anew(start_broker) -> None:
    broker = start_broker()
    settings = Settings(kafka_bootstrap_servers=broker.bootstrap)
    before = await cluster_id(settings)
    assert before == await cluster_id(settings)
    broker.restart()
    assert await cluster_id(settings) != before
