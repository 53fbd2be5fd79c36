"""True end offsets, for a broker that misreports them.

The embedded broker answers ListOffsets(latest) with the base offset of the last batch + 1, where
Kafka answers the offset after the last record. Whoever trusts that answer recovers tables without
their last updates and sees a negative lag. A Fetch carries the true end as its high watermark, so
`true_end_offsets` asks that way. It costs a request a broker, so it is used only where
`broker_misreports_end` has caught the broker at it; Apache Kafka is never caught.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError
from aiokafka.protocol.fetch import FetchRequest

from openride_stream.errors import BrokerUnavailable
from openride_stream.kafka.admin import REQUEST_TIMEOUT_MS, open_admin, partition_counts
from openride_stream.kafka.away import broker_away
from openride_stream.kafka.connection import connection
from openride_stream.settings.kafka import KafkaSettings

PROBE_TOPIC: Final = "openride.internal.end-offset-probe"
_PROBE_RECORDS: Final = 5
_PROBE_RETENTION_MS: Final = 3_600_000
_ATTEMPTS: Final = 5
# More than 0: with 0 the embedded broker leaves partitions out of its answer.
_MAX_WAIT_MS: Final = 500
_MAX_ANSWER_BYTES: Final = 1 << 20
_READ_UNCOMMITTED: Final = 0


async def true_end_offsets(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """The log end offsets (offset of the next record) of the partitions of `ends`.

    `ends` is what ListOffsets(latest) reported. An end of 0 is taken as it is: an empty log is the one
    answer that the fault cannot change.

    Raises:
        BrokerUnavailable: a partition's end could not be read. Guessing it would lose updates silently.
    """
    true_ends = {tp: end for tp, end in ends.items() if end <= 0}
    for attempt in range(_ATTEMPTS):
        pending = {tp: end for tp, end in ends.items() if tp not in true_ends}
        if not pending:
            return true_ends
        if attempt:
            await consumer._client.force_metadata_update()
        for tp, highwater in (await _highwaters(consumer, pending)).items():
            true_ends[tp] = max(highwater, ends[tp])
    unread = [tp for tp in ends if tp not in true_ends]
    if unread:
        message = f"no end offset of {unread[0].topic}[{unread[0].partition}] and {len(unread) - 1} more"
        raise BrokerUnavailable(message)
    return true_ends


async def broker_misreports_end(settings: KafkaSettings) -> bool:
    """Whether the brokers report an end offset that is before their own high watermark.

    Writes one batch of several records to a topic of its own, so that the fault must show.

    Raises:
        BrokerUnavailable: no broker answered, or other probes kept writing all the while.
    """
    await _create_probe_topic(settings)
    try:
        await _write_probe_batch(settings)
        async with AIOKafkaConsumer(
            **connection(settings),
            group_id=None,
            enable_auto_commit=False,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        ) as consumer:
            return await _compare(consumer)
    except (KafkaError, TimeoutError, OSError) as error:
        raise broker_away(settings.kafka_bootstrap_servers, error) from error


async def _compare(consumer: AIOKafkaConsumer) -> bool:
    tp = TopicPartition(PROBE_TOPIC, 0)
    await consumer._client._wait_on_metadata(PROBE_TOPIC)
    for _ in range(_ATTEMPTS * 2):
        before = (await consumer.end_offsets([tp]))[tp]
        highwater = (await _highwaters(consumer, {tp: max(before, 1)})).get(tp)
        after = (await consumer.end_offsets([tp]))[tp]
        # Another worker's probe may write at the same time: compare only what was read of a still log.
        if highwater is not None and before == after:
            return bool(highwater > after)
        await asyncio.sleep(0.05)
    message = f"could not read a stable end offset of {PROBE_TOPIC}"
    raise BrokerUnavailable(message)


async def _highwaters(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """High watermark of each partition that answered; `ends` are offsets > 0 of existing records + 1."""
    client = consumer._client
    by_node: dict[int, list[TopicPartition]] = defaultdict(list)
    for tp in ends:
        node = client.cluster.leader_for_partition(tp)
        if node is not None and node >= 0:
            by_node[node].append(tp)
    found: dict[TopicPartition, int] = {}
    for node, tps in by_node.items():
        try:
            answer = await client.send(node, _fetch_request(tps, ends))
        except KafkaError:
            continue  # the caller asks again
        for topic, partitions in answer.topics:
            for partition, error, highwater, *_ in partitions:
                if error == 0:
                    found[TopicPartition(topic, partition)] = highwater
    return found


def _fetch_request(tps: list[TopicPartition], ends: Mapping[TopicPartition, int]) -> FetchRequest:
    by_topic: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for tp in tps:
        # The last reported record exists, so that the broker answers without waiting for a new one.
        by_topic[tp.topic].append((tp.partition, ends[tp] - 1, 1))
    return FetchRequest(
        _MAX_WAIT_MS, 1, _MAX_ANSWER_BYTES, _READ_UNCOMMITTED, list(by_topic.items()), rack_id=""
    )


async def _create_probe_topic(settings: KafkaSettings) -> None:
    async with open_admin(settings) as admin:
        if PROBE_TOPIC not in await partition_counts(admin):
            configs = {"retention.ms": str(_PROBE_RETENTION_MS)}
            await admin.create_topics(
                [NewTopic(PROBE_TOPIC, 1, settings.topic_replication, topic_configs=configs)]
            )


async def _write_probe_batch(settings: KafkaSettings) -> None:
    async with AIOKafkaProducer(
        **connection(settings), acks="all", request_timeout_ms=REQUEST_TIMEOUT_MS
    ) as producer:
        batch = producer.create_batch()
        for _ in range(_PROBE_RECORDS):
            batch.append(key=None, value=b"probe", timestamp=None)
        acknowledged = await producer.send_batch(batch, PROBE_TOPIC, partition=0)
        await acknowledged
