"""aiokafka's consumer in its thread: how it fetches, and what it says of where a log ends."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from openride_stream.settings import Settings
from openride_stream.transport.fetched import Fetched

EndOffsets = Callable[[Any, Mapping[TP, int]], Awaitable[Mapping[TP, int]]]


class BatchApp(Protocol):
    """What the transport asks of the Faust app that it reads for."""

    batch_topics: frozenset[str]
    settings: Settings
    true_end_offsets: EndOffsets | None

    async def drain(self) -> None:
        """Make what was handed out durable, for as long as a stop or a rebalance can wait."""
        ...


def batch_app(app: Any) -> BatchApp:
    """A Faust app as the transport sees it."""
    return cast(BatchApp, app)


def position(consumer: AIOKafkaConsumer, tp: TP) -> int | None:
    """The offset of `tp` that is fetched next; None while that is not known, or it is not ours."""
    assignment = consumer._subscription.subscription.assignment
    state = assignment.state_value(TopicPartition(tp.topic, tp.partition))
    return None if state is None or not state.has_valid_position else int(state.position)


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """aiokafka's consumer in its thread, with end offsets that can be trusted."""

    async def on_start(self) -> None:
        """Connect; from then on batches are fetched without a copy of each record."""
        await super().on_start()
        app, fetcher = batch_app(self.app), self._ensure_consumer()._fetcher
        fetcher._records = Fetched(app.batch_topics)
        # Faust lets brokers hold a fetch for 1.5 s, and has them answer at the first record.
        fetcher._fetch_max_wait_ms = app.settings.fetch_max_wait_ms
        fetcher._fetch_min_bytes = app.settings.fetch_min_bytes

    async def _highwaters(self, partitions: list[TP]) -> Mapping[TP, int]:
        ends = await super()._highwaters(partitions)
        mend = batch_app(self.app).true_end_offsets
        if mend is None or self.consumer.in_transaction:
            return ends
        return await mend(self._ensure_consumer(), ends)
