"""Report schedules and slots on both stores: whoever notices, a slot runs once."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.reports import Execution, Reports, Schedule
from tests.fixtures.clock import ManualClock


@pytest.fixture
def reports(metadata: Metadata, clock: ManualClock) -> Reports:
    return Reports(metadata, clock)


def schedule(reports: Reports, owner: str = "ada") -> Schedule:
    now = reports.now()
    return Schedule(
        schedule_id=str(uuid4()),
        owner=owner,
        report_name="Trips",
        report_type="trip_metrics",
        frequency="daily",
        timezone="UTC",
        format="csv",
        recipients='["ada@example.org"]',
        parameters="{}",
        active=True,
        description=None,
        created_at=now,
        updated_at=now,
        next_run_at=now,
    )


def run_of(reports: Reports, of: Schedule) -> Execution:
    now = reports.now()
    return Execution(
        execution_id=str(uuid4()),
        schedule_id=of.schedule_id,
        slot="2026-01-01T06:00:00+00:00",
        status="pending",
        trigger="scheduled",
        due_at=now,
        range_start=now - timedelta(days=1),
        range_end=now,
        retry_at=now,
    )


async def test_a_slot_is_planned_and_claimed_once(reports: Reports) -> None:
    of = schedule(reports)
    await reports.add(of)
    (due,) = await reports.due()
    assert due == of
    later = reports.now() + timedelta(days=1)
    planned = await asyncio.gather(*(reports.plan(due, [run_of(reports, due)], later) for _ in range(4)))
    assert sorted(planned) == [False, False, False, True]
    assert await reports.due() == []
    claimed = await asyncio.gather(*(reports.claim(f"worker-{number}", 60) for number in range(4)))
    (mine,) = [run for run in claimed if run is not None]
    assert len(await reports.executions(of.schedule_id)) == 1
    assert await reports.complete(mine, 3, "x.csv", 10)
    assert await reports.claim("late", 60) is None


async def test_a_schedule_that_was_changed_meanwhile_is_not_run_as_it_was(
    reports: Reports, clock: ManualClock
) -> None:
    of = schedule(reports)
    await reports.add(of)
    clock.advance(1)
    await reports.change(of.schedule_id, {"active": False, "updated_at": reports.now()})
    assert not await reports.plan(of, [run_of(reports, of)], None)
    assert await reports.executions(of.schedule_id) == []


async def test_a_slot_that_was_queued_before_is_not_queued_again(reports: Reports) -> None:
    of = schedule(reports)
    await reports.add(of)
    first = run_of(reports, of)
    assert await reports.queue(first)
    assert not await reports.queue(replace(first, execution_id=str(uuid4())))
    assert await reports.remove(of.schedule_id) == [first.execution_id]
    assert await reports.schedule(of.schedule_id) is None


async def test_whom_a_mail_did_not_reach_is_told_after_why_it_is_put_off_or_has_failed(
    reports: Reports,
) -> None:
    of = schedule(reports)
    await reports.add(of)
    await reports.queue(run_of(reports, of))

    async def again() -> Execution:
        run = await reports.claim("worker", 60)
        assert run is not None
        return run

    async def error() -> str | None:
        (found,) = await reports.executions(of.schedule_id)
        return found.error

    await reports.put_off(await again(), "busy", 0)
    assert await error() == "busy"
    run = await again()
    assert await reports.delivered(run, "ben: 550")
    await reports.put_off(run, "busy", 0)
    assert await error() == "busy; ben: 550"
    run = await again()
    assert run.refused == "ben: 550"
    await reports.fail(run, "x" * 5_000)
    assert await error() == "x" * 2_000 + "; ben: 550"
