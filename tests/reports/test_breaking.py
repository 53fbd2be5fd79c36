"""SMTP servers that hang, close, put off or refuse; workers that die: nobody waits for ever or gets two."""

import asyncio

import pytest
from pydantic import SecretStr

from openride_stream.exports.files import ExportFiles
from tests.fixtures.hanging import hanging
from tests.reports.conftest import WEEKLY, Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

TWO = ["ada@example.org", "grey@example.org"]


@pytest.mark.parametrize("answer", ["hang", "close"])
async def test_a_server_that_leaves_in_the_middle_is_tried_again(desk: Desk, answer: str) -> None:
    schedule_id = await desk.schedule()
    desk.inbox.answer = answer
    run = await desk.made(schedule_id, desk.runner(smtp_timeout_s=0.5))
    assert (run["status"], run["delivered_at"]) == ("pending", None)
    assert "SMTP server" in run["error"]
    desk.inbox.answer = "250 OK"
    desk.site.runtime.clock.advance(61)
    await desk.runner().make_waiting()
    (run,) = await desk.executions(schedule_id)
    assert (run["status"], run["error"], len(desk.inbox.mails)) == ("completed", None, 1)


async def test_who_is_put_off_for_now_gets_the_mail_with_the_others_later(desk: Desk) -> None:
    desk.inbox.greylisted = 2
    schedule_id = await desk.schedule(recipients=TWO)
    run = await desk.made(schedule_id)
    assert (run["status"], desk.inbox.mails) == ("pending", [])
    assert "grey@example.org: 451 try again" in run["error"]
    for pause_s in (61, 301):
        desk.site.runtime.clock.advance(pause_s)
        await desk.runner().make_waiting()
    (run,) = await desk.executions(schedule_id)
    assert (run["status"], run["attempts"], run["error"]) == ("completed", 3, None)
    assert desk.inbox.recipients == [TWO]


async def test_at_the_last_try_who_may_have_the_mail_has_it(desk: Desk) -> None:
    desk.inbox.greylisted = 99
    schedule_id = await desk.schedule(recipients=TWO)
    await desk.made(schedule_id)
    for pause_s in (61, 301, 1_801):
        desk.site.runtime.clock.advance(pause_s)
        await desk.runner().make_waiting()
    (run,) = await desk.executions(schedule_id)
    assert (run["status"], run["attempts"], desk.inbox.recipients) == ("completed", 4, [TWO[:1]])
    assert "grey@example.org: 451" in run["error"]


async def test_who_is_refused_for_good_is_named_and_the_others_have_the_mail(desk: Desk) -> None:
    run = await desk.made(await desk.schedule(recipients=["nobody@example.org", "ben@example.org"]))
    assert (run["status"], desk.inbox.recipients) == ("completed", [["ben@example.org"]])
    assert "nobody@example.org: 550 no such user" in run["error"]
    run = await desk.made(await desk.schedule(recipients=["nobody@example.org"]))
    assert (run["status"], run["attempts"], len(desk.inbox.mails)) == ("failed", 1, 1)


async def test_a_bucket_that_hangs_has_the_report_made_again_and_mailed_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule_id = await desk.schedule()
    reports = desk.site.runtime.reports
    with monkeypatch.context() as patch:
        async with hanging("silent") as endpoint:
            given = {"files_url": "s3://files", "s3_endpoint": endpoint, "s3_timeout_s": 0.5}
            keys = {"s3_access_key_id": "key", "s3_secret_access_key": SecretStr("secret")}
            settings = desk.settings.model_copy(update={**given, **keys})
            patch.setattr(reports, "files", ExportFiles(settings, "reports"))
            run = await asyncio.wait_for(desk.made(schedule_id), 10)
    assert (run["status"], run["delivered_at"], desk.inbox.mails) == ("pending", None, [])
    assert "no answer within 0.5 s (OPENRIDE_S3_TIMEOUT_S)" in run["error"]
    desk.site.runtime.clock.advance(61)
    await desk.runner().make_waiting()
    (run,) = await desk.executions(schedule_id)
    assert (run["status"], run["attempts"], len(desk.inbox.mails)) == ("completed", 2, 1)


async def test_ten_reports_at_once_come_once_each_though_a_worker_is_killed(desk: Desk) -> None:
    """It dies with a report that it has begun; whoever takes over waits for its lease."""
    ids = [await desk.schedule(report_name=f"Report {number}") for number in range(10)]
    desk.site.runtime.clock.advance(7 * 86_400)
    workers = [desk.runner(f"worker-{number}") for number in range(3)]
    await asyncio.gather(*(worker.plan_due() for worker in workers))
    dead = await desk.site.runtime.reports.kept.claim("killed", 60)
    assert dead is not None
    await asyncio.gather(*(worker.make_waiting() for worker in workers))
    assert len(desk.inbox.mails) == 9
    desk.site.runtime.clock.advance(61)
    await asyncio.gather(*(worker.make_waiting() for worker in workers))
    runs = [run for schedule_id in ids for run in await desk.executions(schedule_id)]
    assert [run["status"] for run in runs] == ["completed"] * 10
    subjects = sorted(mail["Subject"] for mail in desk.inbox.mails)
    assert subjects == sorted(f"Report {number}: 2026-02-02" for number in range(10))
    assert desk.inbox.recipients == [WEEKLY["recipients"]] * 10
