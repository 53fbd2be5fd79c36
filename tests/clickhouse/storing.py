"""Records stored as a worker stores them, and answers held against the reference."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.deliveries import Delivery
from openride_stream.clickhouse.queries.bookings import bookings
from openride_stream.clickhouse.queries.cohort import cohort
from openride_stream.clickhouse.queries.drivers import drivers
from openride_stream.clickhouse.queries.funnel import funnel
from openride_stream.clickhouse.queries.geographic import geographic
from openride_stream.clickhouse.queries.payments import payments
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.retention import retention
from openride_stream.clickhouse.queries.routes import routes
from openride_stream.clickhouse.queries.trends import trends
from openride_stream.clickhouse.queries.trips import trips
from openride_stream.clickhouse.queries.users import users
from openride_stream.clickhouse.reader import Reader
from openride_stream.clickhouse.reconcile import Reconciler
from openride_stream.clickhouse.sink import Sink
from openride_stream.clock import SystemClock
from openride_stream.errors import StoreRefused
from openride_stream.events.decode import decode
from openride_stream.events.policy import DecodePolicy
from openride_stream.events.records import RecordBatch
from openride_stream.events.topics import BY_NAME
from openride_stream.metrics import Metrics
from openride_stream.settings import Settings
from tests.reference.figures import Reference

NOW_MS = SystemClock().now_ms()
ENDPOINTS = {
    "users": users,
    "bookings": bookings,
    "payments": payments,
    "trips": trips,
    "drivers": drivers,
    "routes": routes,
    "geographic": geographic,
    "trends": trends,
    "funnel": funnel,
    "cohort": cohort,
    "retention": retention,
}


@dataclass(frozen=True)
class Sent:
    """A record as a partition would hold it."""

    offset: int
    value: bytes
    timestamp: int = NOW_MS
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


async def ingest(
    store: ClickHouse, settings: Settings, records: Mapping[str, Sequence[bytes | Sent]]
) -> None:
    """Decode and store records by topic; values are those of records of now."""
    wide = settings.model_copy(update={"retention_location_days": 400})
    sink = Sink(store, wide, Metrics(), SystemClock())
    task = asyncio.create_task(sink.run())
    policy = DecodePolicy.from_settings(wide, "cluster")

    refused: list[tuple[dict[str, Any], StoreRefused]] = []

    async def refuse(row: dict[str, Any], error: StoreRefused) -> None:
        refused.append((row, error))

    for topic, values in records.items():
        sent = [each if isinstance(each, Sent) else Sent(offset, each) for offset, each in enumerate(values)]
        batch = RecordBatch(topic, 0, sent)
        decoded = decode(batch, policy, NOW_MS)
        assert [(r.error, r.message) for r in decoded.rejects] == []
        await sink.write(Delivery.of(BY_NAME[topic].table, decoded.rows, lambda: None, refuse))
    assert await sink.drain(60), (sink.last_error, task, sink._unacked_rows)
    assert refused == []
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def reconciler(store: ClickHouse, settings: Settings) -> Reconciler:
    wide = settings.model_copy(update={"retention_location_days": 400})
    return Reconciler(store, Metrics(), SystemClock(), wide)


async def assert_answers(
    store: ClickHouse,
    reference: Reference,
    question: Question,
    asked: Sequence[tuple[str, dict[str, Any]]],
) -> None:
    """Every endpoint that is asked, with what else it is asked, answers as the reference does."""
    reader = Reader(store)
    given = await asyncio.gather(*(ENDPOINTS[endpoint](reader, question, **more) for endpoint, more in asked))
    for (endpoint, more), answer in zip(asked, given, strict=True):
        wanted = getattr(reference, endpoint)(
            question.start_ms,
            question.end_ms,
            city=question.city,
            state=question.state,
            currency=question.currency,
            granularity=question.granularity,
            **more,
        )
        assert answer == wanted, (endpoint, more, question)
