"""The Faust application: batch transport, topics, and a runtime that lives and dies with it."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, Protocol

import faust
from aiokafka import TopicPartition
from faust.types import TP

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clock import Clock, SystemClock
from openride_stream.delivery import Live as LiveTables
from openride_stream.events.topics import TOPICS
from openride_stream.faust_options import faust_options
from openride_stream.holdings import Place
from openride_stream.kafka.end_offsets import true_end_offsets
from openride_stream.kafka.lag import PartitionLag, group_lag
from openride_stream.membership import Membership
from openride_stream.memory import reuse_blocks, trimming
from openride_stream.metrics import Metrics
from openride_stream.presence import Presence
from openride_stream.runtime import Runtime
from openride_stream.settings import Settings
from openride_stream.stall import Partition, Standing, watch
from openride_stream.transport.batches import Consumer, Transport
from openride_stream.transport.messages import BatchSchema


class Live(LiveTables, Protocol):
    """The live tables, as the app opens and closes them."""

    async def open(self, clock: Clock, store: ClickHouse, *, misreports_end: bool) -> None:
        """Connect; `store` has what the live tables do not."""
        ...

    async def run(self) -> None:
        """Read until cancelled, or until a write fails for good."""
        ...

    @property
    def unwritten(self) -> str | None:
        """Why what this worker sees is not written, which holds up its acks; None when it is."""
        ...

    async def drain(self, timeout_s: float) -> bool:
        """Return when all that was applied is written; False when it was not within `timeout_s`."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


_SESSIONS_TO_SETTLE: Final = 4

_COLLECT_AFTER: Final = 50_000
"""Objects made, less those freed, after which the collector looks at the youngest."""

EndOffsets = Callable[[Any, Mapping[TP, int]], Awaitable[Mapping[TP, int]]]


class OpenRideApp(faust.App):
    """A Faust app whose agents on the contract's topics receive `RecordBatch`es."""

    batch_topics = frozenset(topic.name for topic in TOPICS)

    def __init__(self, settings: Settings, **options: Any) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.runtime: Runtime | None = None
        self.live: Live | None = None
        self.true_end_offsets: EndOffsets | None = None
        self.membership = Membership(SystemClock())
        super().__init__(settings.consumer_group, **(faust_options(settings) | options))

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def running(self) -> Runtime:
        """The runtime; only between start and stop."""
        assert self.runtime is not None, "the app is not started"
        return self.runtime

    async def drain(self) -> None:
        """Make what is in flight durable, for as long as a stop or a rebalance can wait."""
        if self.runtime is not None:
            parking = self.runtime.ingest.parking
            parking.recall()
            drains = [open_part.drain(self.settings.drain_timeout_s) for open_part in self._parts_in_flight()]
            await asyncio.gather(*drains)
            parking.recall()  # an agent may have had a batch in its hands

    def _parts_in_flight(self) -> list[Any]:
        return [part for part in (self.running().sink, self.live) if part is not None]

    def pause(self, topic: str, partition: int) -> None:
        """Fetch no more of a partition; what waits of it is in `parking`."""
        self.consumer.pause_partitions({TP(topic, partition)})

    def resume(self, topic: str, partition: int) -> None:
        """Fetch from a partition again, if it is still ours."""
        if (tp := TP(topic, partition)) in self.consumer.assignment():
            self.consumer.resume_partitions({tp})

    def excuse(self) -> str | None:
        """Why no commit can be expected now, for the stall watch; None when it can."""
        if self._unsettled():
            return "partitions are being assigned or recovered"
        sink = self.running().sink
        # Without dead letters any partition may wait; whose own table is held owes nothing.
        if sink.away or sink.held("dead_letters"):
            return "ClickHouse is away"
        return self.running().contact.trouble or (self.live.unwritten if self.live else None)

    def settling(self) -> bool:
        """Whether partitions are being assigned or recovered, and Kafka is there to do it."""
        return self._unsettled() and self.running().contact.trouble is None

    def loss(self) -> str | None:
        """Why this worker is out of its consumer group for good; None while it is not."""
        return self._reader.loss()

    def on_rebalance_start(self) -> None:
        """Partitions are about to be reassigned."""
        super().on_rebalance_start()
        self.membership.unsettled()

    def on_rebalance_end(self) -> None:
        """A recovery has ended, and with it the rebalance, unless another one has begun since."""
        if not self._reader.rejoins():
            super().on_rebalance_end()
            self.membership.settled()

    @property
    def _reader(self) -> Consumer:
        consumer = self.consumer
        assert isinstance(consumer, Consumer), "the app reads through the batch transport"
        return consumer

    def _unsettled(self) -> bool:
        return bool(self.rebalancing_count == 0 or self.rebalancing or self.in_recovery)

    async def standings(self) -> Mapping[Partition, Standing]:
        """Where each batch partition of ours stands, asked over a connection that is not the consumer's."""
        consumer = self._reader
        ours = {tp for tp in consumer.assignment() if tp.topic in self.batch_topics}
        topics = sorted({tp.topic for tp in ours})
        lags = await group_lag(self.settings, topics, self.true_end_offsets is not None)
        # A partition that waits for an operator or its table owes nothing; a restart would not help it.
        return {
            (lag.topic, lag.partition): Standing(
                lag.committed, lag.lag > 0 and (consumer.owes(tp, lag.end) or _commit_gone(consumer, lag))
            )
            for lag in lags
            if (tp := TP(lag.topic, lag.partition)) in ours
            and not (self.runtime and self.runtime.ingest.waits(lag.topic, lag.partition))
        }

    def places(self) -> Mapping[Partition, Place] | None:
        """Where each batch partition of ours stands, as this worker knows it; None during a rebalance."""
        if self.rebalancing_count == 0 or self.rebalancing:
            return None
        consumer = self._reader
        ends, lags = consumer.log_ends(), consumer.lag_records()
        return {
            (tp.topic, tp.partition): Place(consumer.ledger.committable(tp), lags.get(tp), ends.get(tp))
            for tp in consumer.assignment()
            if tp.topic in self.batch_topics
        }

    async def on_first_start(self) -> None:
        """Make Faust's folder, as it makes no parents itself, and one heap, before any thread begins."""
        self.conf.datadir.mkdir(parents=True, exist_ok=True)
        reuse_blocks()
        await super().on_first_start()

    async def on_start(self) -> None:
        """Connect to everything before the consumer starts."""
        self.runtime = await Runtime.open(self.settings, self.metrics)
        self.runtime.ingest.parking.valve = self
        self.true_end_offsets = mended_ends if self.runtime.misreports_end else None
        live = await self._open_live(self.runtime)
        # A join waits for the other members, each of which may be silent for a session time-out.
        settle_s = _SESSIONS_TO_SETTLE * self.settings.broker_session_timeout_s
        watching = watch(self, self.runtime.clock, self.settings.stall_timeout_s, settle_s)
        self.runtime.start(self.crash, watching, self._presence(self.runtime).run(), trimming(), *live)
        await super().on_start()

    async def _open_live(self, runtime: Runtime) -> list[Coroutine[Any, Any, None]]:
        """Open the live tables, where there are any; the answer is what keeps them going."""
        if self.live is None:
            return []
        await self.live.open(runtime.clock, runtime.store, misreports_end=runtime.misreports_end)
        runtime.ingest.live = self.live
        return [self.live.run()]

    def _presence(self, runtime: Runtime) -> Presence:
        return Presence(self, runtime.worker, runtime.workers, runtime.clock, self.settings)

    async def on_started(self) -> None:
        """Take what start-up left alive out of the collector's sight: it would be scanned at every pass."""
        await super().on_started()
        gc.collect()
        gc.freeze()
        # A batch makes thousands of tuples, none in a cycle: a look at every 700 takes a tenth of the CPU.
        gc.set_threshold(_COLLECT_AFTER)

    async def on_shutdown(self) -> None:
        """Close the connections, after the consumer has made its last commit."""
        await super().on_shutdown()
        if self.runtime is not None:
            await self.runtime.close()
            self.runtime = None
        if self.live is not None:
            await self.live.close()


def create_app(settings: Settings) -> OpenRideApp:
    """The application without agents, tables and views: `openride_stream.worker` adds those."""
    return OpenRideApp(settings)


def _commit_gone(consumer: Consumer, lag: PartitionLag) -> bool:
    """Whether the group has forgotten what we committed: the topic was deleted and made again.

    Our position is then one in a log that is no more, perhaps at the very end of the new one; only a restart
    reads that from its beginning.
    """
    ours = consumer.ledger.committable(TP(lag.topic, lag.partition))
    return ours is not None and (lag.committed or 0) < ours


def batch_topic(app: OpenRideApp, name: str) -> Any:
    """The Faust topic of one of the contract's topics; its stream yields `RecordBatch`es."""
    return app.topic(name, schema=BatchSchema(), partitions=app.settings.topic_partitions)


async def mended_ends(consumer: Any, ends: Mapping[TP, int]) -> Mapping[TP, int]:
    """The true log end offsets where the broker reported `ends` (see `kafka.end_offsets`)."""
    asked = {TopicPartition(tp.topic, tp.partition): end for tp, end in ends.items()}
    true_ends = await true_end_offsets(consumer, asked)
    return {TP(tp.topic, tp.partition): end for tp, end in true_ends.items()}
