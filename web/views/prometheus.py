"""`GET /metrics`: this worker's metrics, for Prometheus."""

import asyncio
import logging
from typing import Final

from pydantic import BaseModel

from openride_stream.clickhouse.sizes import disk_space, table_sizes
from openride_stream.errors import OpenRideError
from openride_stream.metrics import CONTENT_TYPE
from web.context import Context, WebRuntime
from web.endpoint import Endpoint, Reply
from web.scheduler_gauges import SchedulerGauges

logger = logging.getLogger(__name__)

_SIZES_TIMEOUT_S: Final = 2.0
# Sizes change slowly, and every scrape of every worker would ask for the same ones.
_SIZES_FRESH_S: Final = 30.0


class TableSizes:
    """Keeps the gauges of table sizes, asked for when they are read and no more often than they change."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._asked_s = float("-inf")

    async def measure(self, context: Context) -> None:
        """Bring the gauges up to date; a store that is away leaves them as they were."""
        runtime = context.current()
        if runtime is None:
            return
        async with self._lock:
            now_s = runtime.clock.monotonic_s()
            if now_s - self._asked_s < _SIZES_FRESH_S:
                return
            self._asked_s = now_s
            await self._ask(context, runtime)

    async def _ask(self, context: Context, runtime: WebRuntime) -> None:
        try:
            async with asyncio.timeout(_SIZES_TIMEOUT_S):
                sizes = await table_sizes(runtime.store, _SIZES_TIMEOUT_S)
        except (OpenRideError, TimeoutError) as error:
            logger.warning("Table sizes not read", extra={"error": str(error) or type(error).__name__})
            return
        await self._ask_for_disks(context, runtime)
        for size in sizes:
            context.metrics.table_rows.labels(size.table).set(size.rows)
            context.metrics.table_bytes.labels(size.table).set(size.size_bytes)

    async def _ask_for_disks(self, context: Context, runtime: WebRuntime) -> None:
        """Apart from the tables: not every user of ClickHouse may see its disks."""
        try:
            async with asyncio.timeout(_SIZES_TIMEOUT_S):
                disks = await disk_space(runtime.store, _SIZES_TIMEOUT_S)
        except (OpenRideError, TimeoutError) as error:
            logger.info("Disks of ClickHouse not seen", extra={"error": str(error) or type(error).__name__})
            return
        for each in disks:
            context.metrics.store_disk_free_bytes.labels(each.disk).set(each.free_bytes)
            context.metrics.store_disk_total_bytes.labels(each.disk).set(each.total_bytes)


def _measure_progress(context: Context) -> None:
    """Bring the gauges up to date that only the group knows; a partition that has left has no lag."""
    progress = context.group.progress()
    metrics = context.metrics
    metrics.consumer_lag_records.clear()
    for (topic, partition), lag in progress.lag_records.items():
        metrics.consumer_lag_records.labels(topic, str(partition)).set(lag)
    if progress.last_commit_age_s is not None:
        metrics.last_commit_age_seconds.set(progress.last_commit_age_s)
    for table, keys in progress.live_table_keys.items():
        metrics.live_table_keys.labels(table).set(keys)


def endpoints() -> tuple[Endpoint, ...]:
    """The one endpoint."""
    sizes, scheduler = TableSizes(), SchedulerGauges()

    async def metrics(context: Context, query: BaseModel) -> Reply:
        del query
        _measure_progress(context)
        await asyncio.gather(sizes.measure(context), scheduler.measure(context))
        return Reply(context.metrics.render(), content_type=CONTENT_TYPE)

    return (
        Endpoint(
            "GET",
            "/metrics",
            "viewer",
            "This worker's metrics in Prometheus' text format.",
            metrics,
            content_type=CONTENT_TYPE,
        ),
    )
