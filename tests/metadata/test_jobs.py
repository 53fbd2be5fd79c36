"""A slot is run by one worker of the cluster, whatever happens to it."""

import asyncio
from datetime import UTC, timedelta

import pytest
from sqlalchemy import select

from openride_stream.clock import utc_from_ms
from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.jobs import JobRuns, Span, slot_of
from openride_stream.metadata.models import JobRun
from tests.fixtures.clock import ManualClock


@pytest.fixture
def runs(metadata: Metadata, clock: ManualClock) -> JobRuns:
    return JobRuns(metadata, clock)


async def test_exactly_one_of_many_workers_claims_a_slot(metadata_url: str, clock: ManualClock) -> None:
    stores = [Metadata.open(metadata_url) for _ in range(4)]
    claims = await asyncio.gather(
        *(JobRuns(stores[i % 4], clock).claim("sweep", "s1", f"w{i}", 60) for i in range(12))
    )
    assert sum(claims) == 1
    for store in stores:
        await store.close()


async def test_other_slots_and_other_jobs_are_free(runs: JobRuns) -> None:
    assert await runs.claim("sweep", "s1", "w1", 60)
    assert await runs.claim("sweep", "s2", "w2", 60)
    assert await runs.claim("report", "s1", "w2", 60)


async def test_a_dead_workers_slot_is_taken_over_after_its_lease(runs: JobRuns, clock: ManualClock) -> None:
    assert await runs.claim("sweep", "s1", "w1", 60)
    clock.advance(60)
    assert not await runs.claim("sweep", "s1", "w2", 60)
    clock.advance(1)
    assert await runs.claim("sweep", "s1", "w2", 60)
    assert not await runs.finish("sweep", "s1", "w1", "completed"), "w1 must learn that it lost its run"
    assert await runs.finish("sweep", "s1", "w2", "completed")


async def test_a_finished_slot_is_never_run_again(runs: JobRuns, clock: ManualClock) -> None:
    assert await runs.claim("sweep", "s1", "w1", 60)
    assert await runs.finish("sweep", "s1", "w1", "failed", "store away")
    clock.advance(10_000)
    assert not await runs.claim("sweep", "s1", "w2", 60)
    assert not await runs.finish("sweep", "s1", "w1", "completed")


async def test_an_extended_lease_holds(runs: JobRuns, clock: ManualClock) -> None:
    assert await runs.claim("sweep", "s1", "w1", 60)
    clock.advance(50)
    assert await runs.extend("sweep", "s1", "w1", 60)
    clock.advance(50)
    assert not await runs.claim("sweep", "s1", "w2", 60)
    assert not await runs.extend("sweep", "s1", "w2", 60)


async def test_alone_waits_for_the_run_of_another_slot(runs: JobRuns, clock: ManualClock) -> None:
    assert await runs.claim("sweep", "s1", "w1", 60, alone=True)
    assert not await runs.claim("sweep", "s2", "w2", 60, alone=True)
    assert await runs.finish("sweep", "s1", "w1", "completed")
    assert await runs.claim("sweep", "s2", "w2", 60, alone=True)
    clock.advance(61)
    assert await runs.claim("sweep", "s3", "w3", 60, alone=True), (
        "a dead run blocks until its lease ends only"
    )


async def test_a_worker_whose_clock_was_ahead_does_not_hold_up_the_others(
    metadata: Metadata, clock: ManualClock
) -> None:
    ahead = ManualClock(clock.ms + 3_600_000)
    assert await JobRuns(metadata, ahead).claim("sweep", "s9", "w1", 60, alone=True)
    assert await JobRuns(metadata, clock).claim("sweep", "s1", "w2", 60, alone=True)


async def test_a_kept_lease_outlasts_its_length_and_ends_with_the_block(
    runs: JobRuns, metadata: Metadata, clock: ManualClock
) -> None:
    async def lease_until_ms() -> float:
        async with metadata.begin() as connection:
            lease = (await connection.execute(select(JobRun.lease_until))).scalar_one()
        return lease.timestamp() * 1000

    assert await runs.claim("sweep", "s1", "w1", 0.1)
    async with runs.kept("sweep", "s1", "w1", 0.1):
        clock.advance(60)
        async with asyncio.timeout(20):
            while await lease_until_ms() < clock.ms:  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.01)
    clock.advance(60)
    assert await runs.claim("sweep", "s1", "w2", 60), "nobody renews it any more"


async def test_alone_admits_one_of_many_slots_at_once(metadata_url: str, clock: ManualClock) -> None:
    stores = [Metadata.open(metadata_url) for _ in range(4)]
    claims = await asyncio.gather(
        *(
            JobRuns(store, clock).claim("sweep", f"s{i}", f"w{i}", 60, alone=True)
            for i, store in enumerate(stores)
        )
    )
    assert sum(claims) == 1
    for store in stores:
        await store.close()


async def test_one_of_many_workers_gets_a_span_whatever_ends_they_give_it(
    metadata_url: str, clock: ManualClock
) -> None:
    stores = [Metadata.open(metadata_url) for _ in range(4)]
    claims = await asyncio.gather(
        *(
            JobRuns(stores[i % 4], clock).claim_span("told", Span(i * 1_000, 60_000 + i * 1_000), f"w{i}", 60)
            for i in range(12)
        )
    )
    assert len([slot for slot in claims if slot is not None]) == 1
    for store in stores:
        await store.close()


async def test_a_span_grows_and_what_lies_apart_is_another(runs: JobRuns, clock: ManualClock) -> None:
    slot = await runs.claim_span("told", Span(10_000, 20_000, 5_000), "w1", 60)
    assert slot == "1970-01-01T00:00:10.000Z"
    assert await runs.claim_span("told", Span(25_000, 40_000, 5_000), "w2", 60) is None
    assert await runs.claim_span("told", Span(45_001, 50_000, 5_000), "w2", 60) == "1970-01-01T00:00:45.001Z"
    assert await runs.claim_span("other", Span(10_000, 20_000), "w2", 60) == slot
    clock.advance(61)
    assert await runs.claim_span("told", Span(4_000, 5_000, 5_000), "w3", 60) == slot, "w1 is dead"
    assert await runs.finish("told", slot, "w3", "completed")
    clock.advance(10_000)
    assert await runs.claim_span("told", Span(0, 30_000, 5_000), "w4", 60) is None


async def test_a_span_is_added_only_to_one_that_is_there(runs: JobRuns) -> None:
    await runs.cover("told", Span(50_000, 60_000))
    assert await runs.claim_span("told", Span(10_000, 20_000), "w1", 60) is not None
    await runs.cover("told", Span(15_000, 60_000))
    assert await runs.claim_span("told", Span(60_000, 70_000), "w1", 60) is None


async def test_what_is_on_record(runs: JobRuns, metadata: Metadata, clock: ManualClock) -> None:
    await runs.claim("sweep", "s1", "w1", 60)
    clock.advance(2.5)
    await runs.finish("sweep", "s1", "w1", "failed", "x" * 10_000)
    async with metadata.begin() as connection:
        row = (await connection.execute(select(JobRun.__table__))).one()
    assert row.started_at.tzinfo is UTC
    assert row.finished_at == utc_from_ms(clock.now_ms())
    assert row.finished_at - row.started_at == timedelta(seconds=2.5)
    assert (row.worker, row.outcome, len(row.error)) == ("w1", "failed", 2_000)


async def test_old_runs_are_pruned(runs: JobRuns, clock: ManualClock) -> None:
    await runs.claim("sweep", "s1", "w1", 60)
    clock.advance(31 * 86_400)
    await runs.claim("sweep", "s2", "w1", 60)
    assert await runs.prune() == 1
    assert await runs.prune() == 0


def test_a_slot_is_the_start_of_its_interval() -> None:
    assert slot_of(1_780_000_012_345, 30) == "2026-05-28T20:26:30.000+00:00"
    assert slot_of(1_780_000_009_999, 10) == slot_of(1_780_000_000_000, 10)
    assert slot_of(1_780_000_000_750, 0.5) == "2026-05-28T20:26:40.500+00:00"
