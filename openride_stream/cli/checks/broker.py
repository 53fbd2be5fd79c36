"""Checks of Kafka: reachable, topics as planned, consumer lag."""

from collections.abc import Sequence
from typing import Final

from openride_stream.cli.checks.findings import Finding, Patient
from openride_stream.errors import BrokerUnavailable
from openride_stream.events.topics import TOPICS
from openride_stream.kafka.admin import cluster_id, open_admin, partition_counts
from openride_stream.kafka.end_offsets import broker_misreports_end
from openride_stream.kafka.lag import group_lag
from openride_stream.kafka.topics import partition_problems, planned_topics
from openride_stream.settings import Settings

_LAG_WORTH_A_WARNING: Final = 100_000


async def check_broker(patient: Patient) -> Sequence[Finding]:
    """Reachability first: without it the other answers would only repeat the same error."""
    settings = patient.settings
    try:
        cluster = await cluster_id(settings)
    except BrokerUnavailable as error:
        advice = "start it, or point OPENRIDE_KAFKA_BOOTSTRAP_SERVERS at one that runs"
        return [Finding("kafka", "fail", str(error), advice)]
    reachable = Finding("kafka", "ok", f"cluster {cluster} at {settings.kafka_bootstrap_servers}")
    topics = await _topics(settings)
    if topics[0].state == "fail":
        return [reachable, *topics]
    return [reachable, *topics, await _lag(settings)]


async def _topics(settings: Settings) -> list[Finding]:
    async with open_admin(settings) as admin:
        counts = await partition_counts(admin)
    problems = partition_problems(counts, settings.topic_partitions)
    if not problems:
        return [
            Finding(
                "topics", "ok", f"{len(planned_topics())} topics of {settings.topic_partitions} partitions"
            )
        ]
    return [Finding("topics", "fail", text, _advice(name in counts)) for name, text in problems.items()]


def _advice(exists: bool) -> str:
    if exists:
        return "set OPENRIDE_TOPIC_PARTITIONS to the count that all topics have, or create the topic anew"
    return "run `openride migrate`"


async def _lag(settings: Settings) -> Finding:
    # As a worker does at its start: where the broker misreports ends, lag would come out too small.
    mend_ends = settings.kafka_end_offset_probe and await broker_misreports_end(settings)
    lags = await group_lag(settings, [topic.name for topic in TOPICS], mend_ends)
    total = sum(entry.lag for entry in lags)
    worst = max(lags, key=lambda entry: entry.lag)
    records = "record" if total == 1 else "records"
    message = f"group {settings.consumer_group} is {total:,} {records} behind"
    if total <= _LAG_WORTH_A_WARNING:
        return Finding("lag", "ok", message)
    where = f"{message}, most on {worst.topic}[{worst.partition}] ({worst.lag})"
    return Finding("lag", "warn", where, "see that workers run and ClickHouse keeps up, or add workers")
