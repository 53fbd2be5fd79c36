"""Reports through both clients: scheduled, changed, asked for, saved, deleted."""

from pathlib import Path

import pytest

from openride_stream.client import AsyncOpenRide, InvalidParameter, NotFound, OpenRide
from openride_stream.reports.runner import ReportRunner
from tests.fixtures.served import Served


def make(served: Served) -> None:
    site, runtime = served.site, served.site.runtime
    runner = ReportRunner(runtime.reports, runtime.reader, "worker", site.metrics, site.settings)
    served.run(runner.make_waiting())


def test_a_report_is_scheduled_made_and_saved(served: Served, tmp_path: Path) -> None:
    with OpenRide(served.url, served.tokens["analyst"]) as client:
        scheduled = client.schedule_report(
            report_name="Trips",
            report_type="trip_metrics",
            frequency="daily",
            format="csv",
            recipients=["ada@example.org"],
            parameters={"range": "last_7_days", "city": "Manhattan"},
        )
        changed = client.change_report(schedule_id=scheduled.schedule_id, format="pdf", active=False)
        assert (changed.format, changed.next_run_at) == ("pdf", None)
        assert client.report_schedules(active_only=True).schedules == []
        assert client.report_schedule(schedule_id=scheduled.schedule_id) == changed
        asked = client.execute_report(schedule_id=scheduled.schedule_id)
        make(served)
        run = client.report_execution(execution_id=asked.execution_id)
        assert (run.status, run.trigger, run.error) == ("completed", "manual", None)
        assert client.report_executions(schedule_id=scheduled.schedule_id).executions == [run]
        saved = client.save_report(tmp_path / "trips.pdf", execution_id=asked.execution_id)
        assert saved.read_bytes().startswith(b"%PDF")
        client.delete_report(schedule_id=scheduled.schedule_id)
        with pytest.raises(NotFound):
            client.report_execution(execution_id=asked.execution_id)


async def test_what_is_wrong_is_named_for_asyncio_too(served: Served) -> None:
    async with AsyncOpenRide(served.url, served.tokens["analyst"]) as client:
        with pytest.raises(InvalidParameter) as refused:
            await client.schedule_report(
                report_name="x",
                report_type="trip_metrics",
                frequency="hourly",
                format="csv",
                recipients=["ada@example.org"],
            )
        assert refused.value.parameter == "frequency"
        assert (await client.report_schedules()).schedules == []
