"""Who is alive: fresh seats, of the own group, by the store's clock."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete

from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.models import WorkerSeat
from openride_stream.metadata.workers import Holding, Seat, Workers

STARTED = datetime(2026, 11, 22, 9, tzinfo=UTC)
LONG_S = 60.0


def seat(worker: str, trouble: str | None = None, *holdings: Holding) -> Seat:
    return Seat(worker, f"http://{worker}", "0.1.0", STARTED, trouble, list(holdings))


async def names(workers: Workers) -> list[str]:
    return [worker.seat.worker for worker in await workers.alive()]


async def test_a_seat_reads_back_as_it_was_kept_last(metadata: Metadata) -> None:
    workers = Workers(metadata, "group")
    await workers.keep(seat("a:1", "ClickHouse is away"), LONG_S)
    held = Holding("openride.events.trip", 3, 1_780_000_000_000, None, 12.5)
    await workers.keep(seat("a:1", None, held), LONG_S)
    (found,) = await workers.alive()
    assert found.seat == seat("a:1", None, held)
    assert 0 <= found.seen_s_ago < LONG_S


async def test_a_worker_that_is_silent_for_its_lifetime_is_dead(metadata: Metadata) -> None:
    workers = Workers(metadata, "group")
    await workers.keep(seat("a:1"), 0.2)
    await workers.keep(seat("b:2"), LONG_S)
    deadline = time.monotonic() + 20
    while await names(workers) != ["b:2"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await workers.keep(seat("a:1"), LONG_S)
    assert await names(workers) == ["a:1", "b:2"]


async def test_a_worker_that_leaves_is_gone_at_once(metadata: Metadata) -> None:
    workers = Workers(metadata, "group")
    await workers.keep(seat("a:1"), LONG_S)
    await workers.leave("a:1")
    assert await names(workers) == []


async def test_other_groups_are_none_of_ours(metadata: Metadata) -> None:
    await Workers(metadata, "another").keep(seat("a:1"), LONG_S)
    assert await names(Workers(metadata, "group")) == []


async def test_the_oldest_worker_comes_first(metadata: Metadata) -> None:
    workers = Workers(metadata, "group")
    await workers.keep(seat("a:1"), LONG_S)
    older = Seat("z:9", "http://z", "0.1.0", STARTED - timedelta(hours=1), None, [])
    await workers.keep(older, LONG_S)
    assert await names(workers) == ["z:9", "a:1"]


async def test_a_writer_that_stands_still_hides_nobody(metadata: Metadata) -> None:
    workers = Workers(metadata, "group")
    await workers.keep(seat("a:1"), LONG_S)
    async with metadata.begin() as writing:
        await writing.execute(delete(WorkerSeat))
        async with asyncio.timeout(5):
            assert await names(workers) == ["a:1"]
