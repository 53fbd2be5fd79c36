"""A report is about days of its zone: its figures, its series, its words."""

import csv
import io
import uuid
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from openride_stream.events.example import example
from tests.fixtures.web import fill
from tests.reports.conftest import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLACE = {"city": "Zoned", "state": "ZO"}


def trip(at: str) -> dict[str, Any]:
    ids = {name: str(uuid.uuid4()) for name in ("event_id", "trip_id", "booking_id", "rider_id")}
    return example("trip.started") | ids | PLACE | {"event_timestamp": at}


@pytest.mark.parametrize(
    ("zone", "now", "first", "moments", "told"),
    [
        (
            "Asia/Kolkata",
            "2026-02-09T06:00:00Z",
            date(2026, 2, 2),
            # The last of Sunday there, the first of Monday, noon of Wednesday, the last, and past it.
            "02-01T18:29:59 02-01T18:30:00 02-04T06:30:00 02-08T18:29:59.999 02-08T18:30:00",
            "Mon 02 Feb 2026 to Sun 08 Feb 2026, days of Asia/Kolkata",
        ),
        (
            "America/New_York",
            "2026-03-09T12:00:00Z",
            date(2026, 3, 2),
            # Clocks are changed on Sunday 8 March: that day has 23 hours, and ends an hour earlier.
            "03-02T05:00:00 03-08T04:59:59 03-08T05:00:00 03-09T03:59:59 03-09T04:00:00",
            "Mon 02 Mar 2026 to Sun 08 Mar 2026, days of America/New_York",
        ),
    ],
)
async def test_a_week_has_seven_days_of_its_zone(
    desk: Desk, zone: str, now: str, first: date, moments: str, told: str
) -> None:
    desk.site.runtime.clock.ms = round(datetime.fromisoformat(now).timestamp() * 1000)
    await fill(desk.site, [trip(f"2026-{at}Z") for at in moments.split()])
    days = [first + timedelta(days=number) for number in range(7)]
    begins = [datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) for day in days]
    schedule_id = await desk.schedule(timezone=zone, parameters={"city": "Zoned"})
    run = await desk.made(schedule_id)
    assert datetime.fromisoformat(run["range_start"]) == begins[0]
    body = await desk.call("GET", f"executions/{run['execution_id']}/download")
    records = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    by_day = {row["item"]: float(row["value"]) for row in records if row["table"] == "By day"}
    assert list(by_day) == [day.isoformat() for day in days]
    span = {"start_date": run["range_start"], "end_date": run["range_end"], "city": "Zoned"}
    whole = await desk.call("GET", "/v1/metrics/trips", params=span)
    assert sum(by_day.values()) == whole["trips_started"] > 0
    for day, begin in zip(days, begins, strict=True):
        end = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + timedelta(days=1)
        asked = span | {"start_date": _utc(begin), "end_date": _utc(end)}
        assert (
            by_day[day.isoformat()]
            == (await desk.call("GET", "/v1/metrics/trips", params=asked))["trips_started"]
        )
    (mail,) = desk.inbox.mails
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert told in plain.get_content().replace("\n", " ")


def _utc(moment: datetime) -> str:
    return moment.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")
