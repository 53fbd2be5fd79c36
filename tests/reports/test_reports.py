"""Reports over HTTP and by mail: made once, exact, on record, whatever workers and the SMTP server do."""

import asyncio
import csv
import io
import re
from typing import Any

import pytest
from openpyxl import load_workbook
from pydantic import SecretStr

from openride_stream.api.fields import Answer
from openride_stream.api.figures import Bookings, Payments, Trips, Users
from openride_stream.errors import MetadataUnavailable, StoreRefused
from openride_stream.metadata.reports import Execution, Reports
from openride_stream.reports import courier, runner, service
from openride_stream.settings import Settings
from openride_stream.sheets.sections import title_of
from tests.reports.conftest import WEEKLY, Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

JANUARY = {"range": "last_30_days", "city": "Lagos"}
RANGE = {"start_date": "2026-01-02T23:00:00Z", "end_date": "2026-02-01T23:00:00Z", "city": "Lagos"}
DAY_S = 86_400
WEEK_S = 7 * DAY_S


async def test_a_schedule_is_made_changed_listed_and_deleted(desk: Desk) -> None:
    made = await desk.call("POST", "schedule", 201, json=WEEKLY)
    path = f"schedule/{made['schedule_id']}"
    assert made["next_run_at"] == "2026-02-09T05:00:00.000Z"
    assert await desk.call("GET", path) == made
    changed = await desk.call(
        "PATCH", path, json={"timezone": "America/New_York", "recipients": ["c@example.org"]}
    )
    assert (changed["next_run_at"], changed["recipients"]) == ("2026-02-09T11:00:00.000Z", ["c@example.org"])
    assert changed["report_name"] == WEEKLY["report_name"]
    assert (await desk.call("PATCH", path, json={"active": False}))["next_run_at"] is None
    assert (await desk.call("GET", "schedule"))["schedules"] != []
    assert (await desk.call("GET", "schedule?active_only=true"))["schedules"] == []
    await desk.call("DELETE", path, 204)
    await desk.call("GET", path, 404)


@pytest.mark.parametrize(
    ("changed", "field", "status"),
    [
        ({"timezone": "Lagos"}, "timezone", 422),
        ({"frequency": "hourly"}, "frequency", 422),
        ({"frequency": "* * * * *"}, "frequency", 422),
        ({"recipients": []}, "recipients", 400),
        ({"recipients": ["ada@example.org\r\nBcc: x@y.z"]}, "recipients", 422),
        ({"recipients": ["=?utf-8?q?v=40evil.org=2C?=@example.org"]}, "recipients", 422),
        ({"report_name": "a\r\nBcc: x@y.z"}, "report_name", 422),
        ({"report_type": "everything"}, "report_type", 422),
        ({"parameters": {"limit": 5}}, "parameters", 422),
        ({"parameters": {"colour": "red"}}, "parameters", 400),
        ({"format": "docx"}, "format", 422),
        ({"nope": 1}, "nope", 400),
    ],
)
async def test_what_is_wrong_with_a_schedule_is_named(
    desk: Desk, changed: dict[str, Any], field: str, status: int
) -> None:
    answer = await desk.call("POST", "schedule", status, json=WEEKLY | changed)
    assert [fault["parameter"] for fault in answer["errors"]] == [field]


async def test_the_type_of_a_report_may_change_to_one_that_takes_its_parameters(desk: Desk) -> None:
    schedule_id = await desk.schedule(report_type="driver_earnings", parameters={"limit": 3})
    path = f"schedule/{schedule_id}"
    answer = await desk.call("PATCH", path, 422, json={"report_type": "user_metrics"})
    assert [fault["parameter"] for fault in answer["errors"]] == ["report_type"]
    assert "give `parameters` without it" in answer["errors"][0]["detail"]
    limited = {"report_type": "user_metrics", "parameters": {"limit": 5}}
    answer = await desk.call("PATCH", path, 422, json=limited)
    assert [fault["parameter"] for fault in answer["errors"]] == ["parameters"]
    assert (await desk.call("GET", path))["report_type"] == "driver_earnings"
    assert (await desk.call("PATCH", path, json={"report_type": "comprehensive"}))["parameters"] == {
        "limit": 3
    }
    changed = await desk.call("PATCH", path, json={"report_type": "user_metrics", "parameters": {}})
    assert (changed["report_type"], changed["parameters"]) == ("user_metrics", {})
    run = await desk.made(schedule_id)
    body = await desk.call("GET", f"executions/{run['execution_id']}/download")
    rows = csv.DictReader(io.StringIO(body.decode(), newline=""))
    assert {row["section"] for row in rows} == {"Users"}


async def test_reports_are_their_owners_and_an_admins(desk: Desk) -> None:
    schedule_id = await desk.schedule()
    run = await desk.made(schedule_id)
    for method, path in (
        ("GET", f"schedule/{schedule_id}"),
        ("DELETE", f"schedule/{schedule_id}"),
        ("POST", f"schedule/{schedule_id}/execute"),
        ("GET", f"schedule/{schedule_id}/executions"),
        ("GET", f"executions/{run['execution_id']}"),
        ("GET", f"executions/{run['execution_id']}/download"),
    ):
        await desk.call(method, path, 404, "ben")
    assert (await desk.call("GET", "schedule", who="ben"))["schedules"] == []
    assert await desk.call("GET", f"executions/{run['execution_id']}/download", who="root")


async def test_a_due_report_is_mailed_once_by_however_many_workers(desk: Desk) -> None:
    schedule_id = await desk.schedule()
    workers = [desk.runner(f"worker-{number}") for number in range(3)]
    await asyncio.gather(*(worker.plan_due() for worker in workers))
    assert await desk.executions(schedule_id) == []
    desk.site.runtime.clock.advance(WEEK_S)
    for _ in range(2):
        await asyncio.gather(*(worker.plan_due() for worker in workers))
        await asyncio.gather(*(worker.make_waiting() for worker in workers))
    (run,) = await desk.executions(schedule_id)
    assert (run["status"], run["attempts"], run["error"]) == ("completed", 1, None)
    assert run["due_at"] == "2026-02-09T05:00:00.000Z"
    assert (run["range_start"], run["range_end"]) == ("2026-02-01T23:00:00.000Z", "2026-02-08T23:00:00.000Z")
    (mail,) = desk.inbox.mails
    assert desk.inbox.recipients == [WEEKLY["recipients"]]
    assert mail["Subject"] == "Trips of the week: 2026-02-02"
    assert run["execution_id"] in mail["Message-ID"]
    assert (await desk.call("GET", f"schedule/{schedule_id}"))["next_run_at"] == "2026-02-16T05:00:00.000Z"


async def test_missed_slots_come_once_late_and_say_so(desk: Desk) -> None:
    schedule_id = await desk.schedule()
    desk.site.runtime.clock.advance(3 * WEEK_S)
    for worker in (desk.runner("a"), desk.runner("b")):
        await worker.plan_due()
        await worker.make_waiting()
    runs = [(run["trigger"], run["due_at"], run["status"]) for run in await desk.executions(schedule_id)]
    days = ["2026-02-23", "2026-02-16", "2026-02-09"]
    assert runs == [("late", f"{day}T05:00:00.000Z", "completed") for day in days]
    for day, mail in zip(reversed(days), desk.inbox.mails, strict=True):
        text = mail.get_body(("plain",))
        assert text is not None
        assert f"was due at {day} 06:00 (Africa/Lagos) and is late" in text.get_content()


async def test_of_very_many_missed_slots_the_newest_come_and_the_others_are_on_record(desk: Desk) -> None:
    schedule_id = await desk.schedule(frequency="daily")
    desk.site.runtime.clock.advance(14 * DAY_S)
    await desk.runner().plan_due()
    await desk.runner().make_waiting()
    runs = await desk.executions(schedule_id)
    assert [run["status"] for run in runs] == ["completed"] * 10 + ["failed"] * 4
    assert "no worker ran when it was due" in runs[-1]["error"]
    assert len(desk.inbox.mails) == 10


async def test_a_report_that_is_not_made_says_so_to_who_waits_for_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        message = "a table is gone"
        raise StoreRefused(message, 60)

    monkeypatch.setattr(runner, "contents", broken)
    run = await desk.made(await desk.schedule())
    assert (run["status"], run["error"]) == ("failed", "a table is gone")
    (mail,) = desk.inbox.mails
    assert mail["Subject"] == "Trips of the week: 2026-01-26 could not be made"
    assert run["execution_id"] in mail["Message-ID"]
    assert run["execution_id"] in mail.get_content()
    assert "a table" not in mail.get_content()


async def test_an_smtp_server_that_is_away_or_busy_is_tried_again(desk: Desk) -> None:
    schedule_id = await desk.schedule()
    first = await desk.made(schedule_id, desk.runner(smtp_port=1))
    assert (first["status"], first["attempts"]) == ("pending", 1)
    assert "SMTP server" in first["error"]
    desk.inbox.answer = "451 try again later"
    desk.site.runtime.clock.advance(61)
    await desk.runner().make_waiting()
    desk.inbox.answer = "250 OK"
    await desk.runner().make_waiting()
    assert desk.inbox.mails == []  # it waits for longer now
    desk.site.runtime.clock.advance(301)
    await desk.runner().make_waiting()
    (run,) = await desk.executions(schedule_id)
    assert (run["status"], run["attempts"], run["error"]) == ("completed", 3, None)
    assert len(desk.inbox.mails) == 1


@pytest.mark.parametrize(("answer", "password"), [("554 no", "secret"), ("250 OK", "wrong")])
async def test_a_refusal_for_good_fails_with_its_reason(desk: Desk, answer: str, password: str) -> None:
    desk.inbox.answer = answer
    run = await desk.made(await desk.schedule(), desk.runner(smtp_password=SecretStr(password)))
    assert run["status"] == "failed"
    assert ("554" if answer != "250 OK" else "535") in run["error"]
    await desk.call("GET", f"executions/{run['execution_id']}/download", 409)


async def test_a_mail_that_some_cannot_get_is_not_sent_to_the_others_again(desk: Desk) -> None:
    run = await desk.made(await desk.schedule(recipients=["ada@example.org", "nobody@example.org"]))
    assert (run["status"], desk.inbox.recipients) == ("completed", [["ada@example.org"]])


async def test_a_mail_is_on_record_also_when_the_metadata_store_was_away_then(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, tries = desk.site.runtime.reports.kept, []

    async def delivered(run: Execution, refused: str | None) -> bool:
        tries.append(run)
        if len(tries) < 3:
            message = "away"
            raise MetadataUnavailable(message)
        return await Reports.delivered(kept, run, refused)

    monkeypatch.setattr(kept, "delivered", delivered)
    made = await desk.made(await desk.schedule())
    assert (made["status"], made["attempts"], len(desk.inbox.mails)) == ("completed", 1, 1)


async def test_a_worker_that_stops_while_it_mails_says_that_the_mail_was_taken(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(mail: Any, execution_id: str, settings: Settings, *, patient: bool) -> None:
        begun.set()
        await go_on.wait()

    monkeypatch.setattr(courier, "deliver", slowly)
    schedule_id = await desk.schedule()
    run = await desk.call("POST", f"schedule/{schedule_id}/execute", 202)
    making = asyncio.create_task(desk.runner().make_waiting())
    await begun.wait()
    making.cancel()
    asyncio.get_running_loop().call_later(0.1, go_on.set)
    await asyncio.gather(making, return_exceptions=True)
    found = await desk.call("GET", f"executions/{run['execution_id']}")
    assert (found["status"], found["delivered_at"] is not None) == ("running", True)


async def test_runs_and_schedules_are_as_many_as_may_be(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule_id = await desk.schedule()
    for _ in range(service.MAX_WAITING):
        await desk.call("POST", f"schedule/{schedule_id}/execute", 202)
    answer = await desk.call("POST", f"schedule/{schedule_id}/execute", 429)
    assert answer["type"].endswith("quota-reached")
    await desk.runner().make_waiting()
    await desk.call("POST", f"schedule/{schedule_id}/execute", 202)
    monkeypatch.setattr(service, "MAX_SCHEDULES", 1)
    await desk.call("POST", "schedule", 429, json=WEEKLY)
    await desk.call("POST", "schedule", 201, json=WEEKLY, who="ben")


async def test_a_schedule_that_cannot_be_read_holds_up_no_other(desk: Desk) -> None:
    broken, whole = await desk.schedule(), await desk.schedule()
    await desk.site.runtime.reports.kept.change(broken, {"timezone": "Atlantis/Capital"})
    desk.site.runtime.clock.ms += WEEK_S * 1000
    await desk.runner().plan_due()
    assert len(await desk.executions(whole)) == 1


@pytest.mark.parametrize(
    "name", ["=?utf-8?q?x=0D=0ABcc=3A_v=40evil.org?=", "a =?utf-8?b?DQpCY2M6IHZAZXZpbC5vcmc=?= b"]
)
async def test_a_name_is_no_header_of_its_mail(desk: Desk, name: str) -> None:
    recipients = ["ada@example.org", "Ada@example.org", "ben@example.org"]
    await desk.made(await desk.schedule(report_name=name, recipients=recipients))
    assert desk.inbox.recipients == [["ada@example.org", "ben@example.org"]]
    (mail,) = desk.inbox.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == f"{name}: 2026-01-26".replace("=?", "= ?")


async def test_who_takes_over_from_a_worker_that_died_mails_no_second_time(desk: Desk) -> None:
    schedule_id = await desk.schedule()
    await desk.call("POST", f"schedule/{schedule_id}/execute", 202)
    kept = desk.site.runtime.reports.kept
    mine = await kept.claim("dead", 60)
    assert mine is not None
    assert await kept.delivered(mine)
    desk.site.runtime.clock.advance(61)
    await desk.runner("heir").make_waiting()
    (run,) = await desk.executions(schedule_id)
    assert (run["status"], run["attempts"], desk.inbox.mails) == ("completed", 2, [])
    assert not await kept.complete(mine, 0, "x.csv", 0)


KINDS: dict[str, tuple[str, type[Answer]]] = {
    "user_metrics": ("users", Users),
    "booking_metrics": ("bookings", Bookings),
    "payment_metrics": ("payments", Payments),
    "trip_metrics": ("trips", Trips),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_figure_is_what_the_api_answers(desk: Desk, kind: str) -> None:
    schedule_id = await desk.schedule(report_type=kind, parameters=JANUARY)
    run = await desk.made(schedule_id)
    body = await desk.call("GET", f"executions/{run['execution_id']}/download")
    records = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    found = {(row["section"].lower(), row["field"]): row for row in records if row["table"] == "Figures"}
    compared = 0
    name, model = KINDS[kind]
    answer = await desk.call("GET", f"/v1/metrics/{name}", params=RANGE)
    earlier = RANGE | {"start_date": "2025-12-03T23:00:00Z", "end_date": RANGE["start_date"]}
    before = await desk.call("GET", f"/v1/metrics/{name}", params=earlier)
    for field, value in answer.items():
        if not isinstance(value, list):
            row = found[name, title_of(model, field, "NGN")]
            assert (row["value"], row["period_before"]) == (str(value), str(before[field])), field
            compared += 1
    assert compared == len(found)
    assert run["rows"] >= compared


async def test_drivers_are_listed_as_the_api_lists_them(desk: Desk) -> None:
    schedule_id = await desk.schedule(
        report_type="driver_earnings", format="excel", parameters=JANUARY | {"limit": 3}
    )
    run = await desk.made(schedule_id)
    body = await desk.call("GET", f"executions/{run['execution_id']}/download")
    (sheet,) = load_workbook(io.BytesIO(body)).worksheets
    rows = [row[:6] for row in sheet.iter_rows(values_only=True)]
    answer = await desk.call("GET", "/v1/metrics/drivers", params=RANGE | {"limit": "3"})
    at = next(number for number, row in enumerate(rows) if row[0] == "Driver")
    wanted = [[str(value) for value in driver.values()] for driver in answer["drivers"]]
    listed = [[str(value) for value in row] for row in rows[at + 1 : at + 4]]
    assert [[row[0], float(row[2])] for row in listed] == [[row[0], float(row[2])] for row in wanted]
    assert len(wanted) == 3


@pytest.mark.parametrize(
    ("form", "kind", "begins"),
    [
        ("excel", "comprehensive", b"PK"),
        ("pdf", "comprehensive", b"%PDF"),
        ("csv", "trip_metrics", b"section,"),
    ],
)
async def test_the_mail_has_figures_and_the_file(desk: Desk, form: str, kind: str, begins: bytes) -> None:
    schedule_id = await desk.schedule(report_type=kind, format=form, parameters=JANUARY)
    run = await desk.made(schedule_id)
    (mail,) = desk.inbox.mails
    plain, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert page is not None
    assert "Trips completed: 36" in plain.get_content()
    assert "<td" in page.get_content()
    (attached,) = mail.iter_attachments()
    content = attached.get_content()
    content = content.encode() if isinstance(content, str) else content
    assert content.startswith(begins)
    assert attached.get_filename() == run["filename"]
    path = f"executions/{run['execution_id']}/download"
    assert len(await desk.call("GET", path)) == run["size_bytes"]
    assert await desk.call("HEAD", path) == b""
    for headers, status in (({"Range": f"bytes={run['size_bytes']}-"}, 416), ({"If-Match": '"other"'}, 412)):
        assert (await desk.call("GET", path, status, headers=headers))["status"] == status
    if form == "pdf":
        assert len(re.findall(rb"/Type /Page\b", content)) >= 5  # one at least for each section
    if form == "excel":
        sheets = load_workbook(io.BytesIO(content)).worksheets
        assert [sheet.title for sheet in sheets] == ["Users", "Bookings", "Payments", "Trips", "Drivers"]
        assert all(len(sheet._charts) == 1 for sheet in sheets)


async def test_an_execution_tells_what_it_was_and_how_long_it_took(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(*_: Any, **__: Any) -> None:
        desk.site.runtime.clock.advance(1.5)

    monkeypatch.setattr(courier, "deliver", slowly)
    run = await desk.made(await desk.schedule())
    assert (run["status"], run["trigger"], run["attempts"], run["error"]) == ("completed", "manual", 1, None)
    assert (run["due_at"], run["started_at"]) == ("2026-02-02T11:00:00.000Z",) * 2
    assert (run["completed_at"], run["duration_ms"]) == ("2026-02-02T11:00:01.500Z", 1_500)
    assert (run["filename"], run["rows"] > 8) == ("Trips of the week 2026-01-26.csv", True)
    assert run["size_bytes"] == len(await desk.call("GET", f"executions/{run['execution_id']}/download"))


async def test_a_large_file_is_linked_and_without_smtp_mail_is_a_file(desk: Desk) -> None:
    runner = desk.runner(smtp_host="", reports_attachment_bytes=10, reports_url="https://api.example.org/")
    run = await desk.made(await desk.schedule(), runner)
    assert (run["status"], desk.inbox.mails) == ("completed", [])
    (written,) = (desk.settings.data_dir / "mail").glob("*.eml")
    text = written.read_text()
    assert f"https://api.example.org/v1/reports/executions/{run['execution_id']}/download" in text.replace(
        "=\n", ""
    )
    assert "attachment" not in text
    assert written.stem == run["execution_id"]


async def test_executions_and_their_files_go_when_their_time_is_over(desk: Desk) -> None:
    schedule_id = await desk.schedule()
    run = await desk.made(schedule_id)
    folder = desk.settings.data_dir / "exports" / "reports"
    assert list(folder.glob(f"{run['execution_id']}.*"))
    desk.site.runtime.clock.advance(91 * 86_400)
    await desk.runner().clear()
    assert not list(folder.glob(f"{run['execution_id']}.*"))
    assert await desk.executions(schedule_id) == []
