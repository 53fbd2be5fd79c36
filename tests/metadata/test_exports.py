"""The queue of exports: each is one worker's, on SQLite and on PostgreSQL alike."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.exports import Export, ExportJobs
from tests.fixtures.clock import ManualClock

LEASE_S = 30.0
MANY = 1_000_000


@pytest.fixture
def jobs(metadata: Metadata, clock: ManualClock) -> ExportJobs:
    return ExportJobs(metadata, clock, kept=timedelta(hours=1))


def export(jobs: ExportJobs, owner: str = "ada") -> Export:
    return Export(
        export_id=str(uuid4()),
        owner=owner,
        statement="SELECT 1",
        params="{}",
        columns="[]",
        format="csv",
        filename="x.csv",
        row_limit=5,
        status="pending",
        created_at=jobs.now(),
    )


async def test_workers_that_ask_at_once_get_different_exports(jobs: ExportJobs, clock: ManualClock) -> None:
    asked = []
    for _ in range(4):
        asked.append(export(jobs))
        assert await jobs.add(asked[-1], MANY, MANY) is None
        clock.advance(1)
    found = await asyncio.gather(*(jobs.claim(f"worker-{number}", LEASE_S) for number in range(6)))
    claimed = [each for each in found if each is not None]
    assert {each.export_id for each in claimed} <= {each.export_id for each in asked}
    assert len({each.export_id for each in claimed}) == len(claimed)
    while (more := await jobs.claim("worker-9", LEASE_S)) is not None:
        claimed.append(more)
    assert sorted(each.export_id for each in claimed) == sorted(each.export_id for each in asked)


async def test_the_oldest_comes_first_and_a_lease_that_is_renewed_is_kept(
    jobs: ExportJobs, clock: ManualClock
) -> None:
    first, second = export(jobs), export(jobs)
    second = replace(second, created_at=second.created_at + timedelta(seconds=1))
    for each in (second, first):
        await jobs.add(each, MANY, MANY)
    mine = await jobs.claim("a", LEASE_S)
    assert mine is not None
    assert mine.export_id == first.export_id
    clock.advance(LEASE_S - 1)
    assert await jobs.progress(mine, LEASE_S, 3, 30)
    clock.advance(2)
    other = await jobs.claim("b", LEASE_S)
    assert other is not None
    assert other.export_id == second.export_id
    assert await jobs.claim("c", LEASE_S) is None
    assert await jobs.complete(mine, 5, 50)
    found = await jobs.find(mine.export_id)
    assert found is not None
    assert (found.status, found.rows, found.expires_at) == ("completed", 5, jobs.now() + timedelta(hours=1))


async def test_requests_at_once_do_not_pass_the_quota(jobs: ExportJobs) -> None:
    found = await asyncio.gather(*(jobs.add(export(jobs), 2, MANY) for _ in range(6)))
    assert sorted(each or "" for each in found) == ["", "", "active", "active", "active", "active"]
    assert await jobs.add(export(jobs, "ben"), 2, MANY) is None
