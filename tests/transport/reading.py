"""A Faust app that reads batches as the application does, and does with them what a test says.

Also a program (`python -m tests.transport.reading BOOTSTRAP GROUP TOPIC FILE`), for what only a process can
do: die. It writes each batch it has taken on to FILE, a line `partition first last`, and then acks it.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic

from openride_stream.app import OpenRideApp, batch_topic, mended_ends
from openride_stream.events.records import RecordBatch
from openride_stream.kafka.admin import open_admin
from openride_stream.kafka.end_offsets import broker_misreports_end
from openride_stream.kafka.lag import group_lag
from openride_stream.settings import Settings
from openride_stream.transport.batches import Consumer
from tests.fixtures.broker import at, session_s

DEADLINE_S = 60.0
PARTITIONS = 4

Ack = Callable[[], object]
Take = Callable[[RecordBatch, Ack], Awaitable[None]]


class ReaderApp(OpenRideApp):
    """The application's own consumer, without stores and without a web server."""

    def __init__(self, settings: Settings, topic: str, take: Take, **options: Any) -> None:
        self.batch_topics = frozenset({topic})
        self.drained: Callable[[], Awaitable[None]] = _nothing
        super().__init__(settings, web_enabled=False, **options)
        self._declare(topic, take)

    def _declare(self, topic: str, take: Take) -> None:
        async def consume(stream: Any) -> None:
            async for event in stream.noack().events():
                await take(event.value, event.ack)

        self.agent(batch_topic(self, topic), name=topic, concurrency=1)(consume)

    async def drain(self) -> None:
        await self.drained()

    async def on_start(self) -> None:
        misreports = await broker_misreports_end(self.settings)
        self.true_end_offsets = mended_ends if misreports else None
        await faust.App.on_start(self)

    @property
    def reader(self) -> Consumer:
        """Its consumer, once it has joined."""
        assert isinstance(self.consumer, Consumer)
        return self.consumer


async def _nothing() -> None:
    pass


class Taken:
    """Every batch that a reader was handed, in order; acked at once when `acking`."""

    def __init__(self, *, acking: bool = True) -> None:
        self.acking = acking
        self.batches: list[RecordBatch] = []
        self.acks: list[Ack] = []

    async def __call__(self, batch: RecordBatch, ack: Ack) -> None:
        self.batches.append(batch)
        self.acks.append(ack)
        if self.acking:
            ack()

    def offsets(self, partition: int) -> list[int]:
        """Offsets of the partition's records, in the order they came."""
        return [
            record.offset
            for batch in self.batches
            if batch.partition == partition
            for record in batch.records
        ]

    def count(self) -> int:
        """Records, not counting any twice."""
        return len({(batch.partition, record.offset) for batch in self.batches for record in batch.records})


def reader_settings(bootstrap: str, group: str, folder: Path) -> Settings:
    session = session_s(bootstrap, 3.0)
    return Settings(
        _env_file=None,
        kafka_bootstrap_servers=bootstrap,
        consumer_group=group,
        topic_partitions=PARTITIONS,
        broker_session_timeout_s=session,
        broker_heartbeat_interval_s=session / 5,
        data_dir=folder,
    )


@asynccontextmanager
async def running(app: ReaderApp) -> AsyncIterator[ReaderApp]:
    """The app, from start to stop; returns when it has its partitions."""
    await app.start()
    try:
        await until(lambda: settled(app), "settled partitions")
        yield app
    finally:
        await asyncio.wait_for(app.stop(), DEADLINE_S)


def settled(app: ReaderApp) -> bool:
    return app.rebalancing_count > 0 and not app.rebalancing


async def until(condition: Callable[[], object], what: str) -> None:
    """Return when the condition holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {DEADLINE_S} s"
        await asyncio.sleep(0.02)


async def create_topic(bootstrap: str, *names: str) -> None:
    async with open_admin(at(bootstrap)) as admin:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])


async def send(
    bootstrap: str, topic: str, partition: int, values: Sequence[bytes], compression: str | None = None
) -> None:
    """Append records to one partition, up to 100 a producer batch."""
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", compression_type=compression
    ) as producer:
        for start in range(0, len(values), 100):
            batch = producer.create_batch()
            for value in values[start : start + 100]:
                assert batch.append(key=None, value=value, timestamp=None)
            await (await producer.send_batch(batch, topic, partition=partition))


async def committed(settings: Settings, topic: str) -> dict[int, int | None]:
    """The group's committed offset of each partition, as the broker has it."""
    lags = await group_lag(settings, [topic])
    return {lag.partition: lag.committed for lag in lags}


async def commit(settings: Settings, topic: str, offsets: dict[int, int]) -> None:
    """Commit for the group, whatever the log holds."""
    async with AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group_id=settings.consumer_group,
        enable_auto_commit=False,
    ) as consumer:
        consumer.assign([TopicPartition(topic, partition) for partition in offsets])
        await consumer.commit({TopicPartition(topic, number): offset for number, offset in offsets.items()})


async def until_committed(settings: Settings, topic: str, wanted: dict[int, int]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        found = await committed(settings, topic)
        if all(found.get(partition) == offset for partition, offset in wanted.items()):
            return
        assert time.monotonic() < deadline, f"committed {found}, not {wanted}"
        await asyncio.sleep(0.1)


def position(app: ReaderApp, topic: str, partition: int) -> int:
    """The next offset that the consumer would fetch."""
    inner = app.reader._thread._ensure_consumer()
    return int(
        inner._subscription.subscription.assignment.state_value(TopicPartition(topic, partition)).position
    )


def _main(bootstrap: str, group: str, topic: str, path: str) -> None:
    journal = Path(path).open("a", buffering=1)  # noqa: SIM115  # open until the process dies

    async def take(batch: RecordBatch, ack: Ack) -> None:
        journal.write(f"{batch.partition} {batch.first_offset} {batch.last_offset}\n")
        ack()

    settings = reader_settings(bootstrap, group, Path(path).parent)
    faust.Worker(ReaderApp(settings, topic, take), quiet=True, loglevel="WARNING").execute_from_commandline()


if __name__ == "__main__":
    _main(*sys.argv[1:])
