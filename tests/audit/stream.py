"""A topic, what was sent to it, and a consumer that stores it: the real parts, without Faust."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from openride_stream.circuit import Circuit, CircuitPolicy
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.sink import Sink
from openride_stream.clock import SystemClock, utc_from_ms
from openride_stream.delivery import Ingest
from openride_stream.events.decode import DecodePolicy
from openride_stream.events.records import RecordBatch
from openride_stream.kafka.admin import cluster_id
from openride_stream.kafka.dead_letters import DeadLetters
from openride_stream.kafka.dlq.acceptance import accepted_until
from openride_stream.metrics import Metrics
from openride_stream.parking import Parking
from openride_stream.settings import Settings

TOPIC = "openride.events.location"
PARTITION = 1
Headers = Sequence[tuple[str, bytes]]


def location(**given: Any) -> bytes:
    """A location ping of now."""
    event = {
        "event_type": "driver.location.updated",
        "event_id": str(uuid.uuid4()),
        "event_timestamp": utc_from_ms(SystemClock().now_ms()).isoformat(),
        "driver_id": str(uuid.uuid4()),
        "lat": 6.5,
        "lon": 3.4,
    }
    return orjson.dumps(event | given)


async def send(settings: Settings, values: Sequence[bytes], headers: Headers = (), topic: str = TOPIC) -> int:
    """Send records to one partition; returns the first one's offset."""
    async with AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, acks="all", max_batch_size=1_000_000
    ) as producer:
        batch = producer.create_batch()
        for value in values:
            assert batch.append(key=None, value=value, timestamp=None, headers=list(headers))
        acknowledged = await producer.send_batch(batch, topic, partition=PARTITION)
        return int((await acknowledged).offset)


async def consume(
    settings: Settings, store: ClickHouse, count: int, lost: Collection[int] = (), topic: str = TOPIC
) -> None:
    """Store or dead-letter the next `count` records and commit; those at the offsets `lost` are skipped."""
    tp = TopicPartition(topic, PARTITION)
    async with (
        AIOKafkaConsumer(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            group_id=settings.consumer_group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        ) as consumer,
        ingesting(settings, store) as ingest,
    ):
        consumer.assign([tp])
        records: list[Any] = []
        async with asyncio.timeout(60):
            while len(records) < count:
                records += (await consumer.getmany(tp, timeout_ms=500)).get(tp, [])
        kept = [record for record in records[:count] if record.offset not in lost]
        acked = asyncio.Event()
        if kept:
            await ingest.accept(RecordBatch(topic, PARTITION, kept), acked.set)
            async with asyncio.timeout(60):
                await acked.wait()
        await consumer.commit({tp: records[count - 1].offset + 1})


@asynccontextmanager
async def ingesting(settings: Settings, store: ClickHouse) -> AsyncIterator[Ingest]:
    clock, metrics = SystemClock(), Metrics()
    policy = DecodePolicy.from_settings(settings, await cluster_id(settings))
    letters = await DeadLetters.open(settings, "test:1", metrics, clock)
    parking = Parking(
        Circuit(CircuitPolicy.from_settings(settings)), partial(accepted_until, settings), metrics
    )
    sink = Sink(store, settings, metrics, clock)
    flushing = asyncio.create_task(sink.run())
    try:
        yield Ingest(policy, sink, letters, metrics, clock, parking)
    finally:
        flushing.cancel()
        await asyncio.gather(flushing, return_exceptions=True)
        await letters.close()
