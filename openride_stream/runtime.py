"""What one worker holds while it runs: connections, the sink, the jobs. Opened and closed with the app."""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

from openride_stream.cache import Cache, open_cache
from openride_stream.circuit import Circuit, CircuitPolicy
from openride_stream.clickhouse import strings
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.hour_looks import Hours
from openride_stream.clickhouse.reader import Reader
from openride_stream.clickhouse.reconcile import Reconciler
from openride_stream.clickhouse.sink import Sink
from openride_stream.clock import Clock, SystemClock
from openride_stream.delivery import Ingest
from openride_stream.errors import Fatal, Rejected, Transient
from openride_stream.events.columnar import scan
from openride_stream.events.decode import DecodePolicy
from openride_stream.exports.runner import ExportRunner
from openride_stream.exports.service import Exports
from openride_stream.kafka.admin import cluster_id
from openride_stream.kafka.contact import BrokerContact
from openride_stream.kafka.dead_letters import DeadLetters
from openride_stream.kafka.dlq.acceptance import accepted_until
from openride_stream.kafka.end_offsets import broker_misreports_end
from openride_stream.kafka.producing import RecordProducer
from openride_stream.lateness import Lateness
from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.jobs import JobRuns, slot_of
from openride_stream.metadata.workers import Workers
from openride_stream.metrics import Metrics
from openride_stream.parking import Parking
from openride_stream.preflight import preflight
from openride_stream.reports.runner import ReportRunner
from openride_stream.reports.service import ReportDesk
from openride_stream.schedule_times import ScheduleTimes
from openride_stream.schedules.intake import ScheduleIntake
from openride_stream.schedules.keeping import ScheduledCleanup
from openride_stream.schedules.seldom import keep_seldom_known
from openride_stream.settings import Settings
from openride_stream.transport import placing

logger = logging.getLogger(__name__)

HOURS_LOOK_S = 0.5
"""How old a look at the hours of schedules may be: who posts reads what they posted within two seconds."""
JOB_PREAGGREGATION = "preaggregation"
# What a worker that is killed in a round costs: nobody else begins one before its lease is over.
_LEASE_S = 20.0
_LAST_WORD_S = 1.0


def worker_name() -> str:
    """A name that is unique to this process start on this host."""
    return f"{socket.gethostname()}:{os.getpid()}"


@dataclass(slots=True)
class Runtime:
    """The open connections and running tasks of one worker."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    worker: str
    store: ClickHouse
    reader: Reader
    hours: Hours
    metadata: Metadata
    workers: Workers
    cache: Cache
    contact: BrokerContact
    dead_letters: DeadLetters
    sink: Sink
    ingest: Ingest
    reconciler: Reconciler
    schedules: ScheduleIntake
    producer: RecordProducer
    exports: Exports
    reports: ReportDesk
    misreports_end: bool
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @classmethod
    async def open(cls, settings: Settings, metrics: Metrics, clock: Clock | None = None) -> Self:
        """Connect to everything and check the schema; raises `Fatal` with what to do when it cannot run."""
        clock = clock or SystemClock()
        worker = worker_name()
        store = ClickHouse.open(settings)
        metadata = Metadata.open(settings.metadata_url)
        try:
            await preflight(settings, store)
        except BaseException:
            await metadata.close()
            await store.close()
            raise
        metrics.store_available.set(1)  # it has just answered; the sink will not ask before it has rows
        cluster = await cluster_id(settings)
        dead_letters = await DeadLetters.open(settings, worker, metrics, clock)
        producer = await RecordProducer.open(settings)
        sink = Sink(store, settings, metrics, clock)
        policy = DecodePolicy.from_settings(settings, cluster)
        circuit = Circuit(CircuitPolicy.from_settings(settings))
        lateness = Lateness(metrics, clock)
        parking = Parking(circuit, partial(accepted_until, settings), metrics)
        misreports = settings.kafka_end_offset_probe and await broker_misreports_end(settings)
        return cls(
            settings=settings,
            clock=clock,
            metrics=metrics,
            worker=worker,
            store=store,
            reader=Reader(store, clock, settings.cache_look_s),
            hours=Hours(store, clock, HOURS_LOOK_S),
            metadata=metadata,
            workers=Workers(metadata, settings.consumer_group),
            cache=open_cache(settings, metrics, clock),
            contact=BrokerContact(settings, metrics),
            dead_letters=dead_letters,
            sink=sink,
            ingest=Ingest(
                policy,
                sink,
                dead_letters,
                metrics,
                clock,
                parking,
                (lateness.apply, ScheduleTimes(metrics).apply),
            ),
            reconciler=Reconciler(store, metrics, clock, settings),
            schedules=ScheduleIntake(policy, producer, store, clock),
            producer=producer,
            exports=Exports(store, metadata, clock, settings),
            reports=ReportDesk(metadata, clock, settings),
            misreports_end=misreports,
        )

    def start(
        self, crash: Callable[[BaseException], Awaitable[None]], *more: Coroutine[Any, Any, None]
    ) -> None:
        """Start the flush loop, the jobs and `more`; one that fails crashes the worker, to be restarted."""
        releasing = self.ingest.parking.run(self.ingest.take)
        keeping = ScheduledCleanup(self.store, self.metadata, self.clock, self.worker, self.settings).run()
        seldom = keep_seldom_known(self.store, self.hours, self.clock, self.settings.schedule_stuck_days)
        own = (
            *(self.sink.run(), releasing, self._preaggregate(), self.contact.run()),
            *(keeping, seldom, *self._files()),
        )
        self.tasks.append(asyncio.create_task(_load_columns()))
        for work in (*own, *more):
            task = asyncio.create_task(work)
            task.add_done_callback(lambda done: _crash_on_error(done, crash))
            self.tasks.append(task)

    def _files(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What makes files: exports, and reports."""
        name, metrics, settings = self.worker, self.metrics, self.settings
        return (
            ExportRunner(self.exports, name, metrics, settings).run(),
            ReportRunner(self.reports, self.reader, name, metrics, settings).run(),
        )

    @property
    def paused(self) -> list[str]:
        """Why each paused partition is paused, and how to go on."""
        return self.ingest.parking.reasons()

    async def close(self) -> None:
        """Stop the tasks and close every connection."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.hours.close()
        await self.dead_letters.close()
        await self.producer.close()
        await self.cache.close()
        await self.metadata.close()
        await self.store.close()

    async def _preaggregate(self) -> None:
        """Recompute dirty days, one worker in the cluster a slot."""
        runs = JobRuns(self.metadata, self.clock)
        interval_s = self.settings.preaggregation_interval_s
        while True:
            await asyncio.sleep(interval_s)
            try:
                await self._preaggregate_once(runs, slot_of(self.clock.now_ms(), interval_s))
            except (Transient, Rejected) as error:
                # Not worth a worker: answers stay exact without pre-aggregations; they only take longer.
                logger.warning("Pre-aggregation put off", extra={"error": str(error)})

    async def _preaggregate_once(self, runs: JobRuns, slot: str) -> None:
        if not await runs.claim(JOB_PREAGGREGATION, slot, self.worker, _LEASE_S, alone=True):
            return
        try:
            async with runs.kept(JOB_PREAGGREGATION, slot, self.worker, _LEASE_S):
                await self.reconciler.run()
        except BaseException as error:
            # Whatever becomes of that word: who cancels this waits for it to end.
            with suppress(Transient, TimeoutError):
                async with asyncio.timeout(_LAST_WORD_S):
                    await runs.finish(JOB_PREAGGREGATION, slot, self.worker, "failed", str(error))
            raise
        await runs.finish(JOB_PREAGGREGATION, slot, self.worker, "completed")


async def _load_columns() -> None:
    """Until it is done, and where it cannot be done, events are read as rows, at several times the cost."""
    try:
        for part in (scan, placing, strings):
            await asyncio.to_thread(part.load)
    except Exception as error:  # whatever it is that the compiler does not like here
        logger.warning(
            "Events are read as rows: there is no compiler for columns", extra={"error": str(error)}
        )


def _crash_on_error(task: asyncio.Task[None], crash: Callable[[BaseException], Awaitable[None]]) -> None:
    if task.cancelled():
        return
    error = task.exception() or Fatal("a background task ended")
    logger.error("Background task failed: the worker exits", exc_info=error)
    crashing = asyncio.ensure_future(crash(error))
    crashing.add_done_callback(lambda _: None)
