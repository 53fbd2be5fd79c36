"""Reports by webhook: signed, once, tried again, and nowhere that they should not go."""

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from pydantic import SecretStr

from openride_stream.reports.webhook import WebhookRefused, Webhooks
from openride_stream.settings import Settings
from tests.reports.conftest import KEY, WEEKLY, Desk, Hook

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_report_is_mailed_and_posted_once_signed_and_with_its_figures(desk: Desk, hook: Hook) -> None:
    schedule_id = await desk.schedule(webhook_url=hook.url)
    run = await desk.made(schedule_id)
    assert (run["status"], run["error"], len(desk.inbox.mails)) == ("completed", None, 1)
    assert run["posted_at"] is not None
    ((headers, body),) = hook.came
    stamp, sent = headers["OpenRide-Signature"].split(",")
    told_s = int(stamp.removeprefix("t="))
    assert abs(time.time() - told_s) < 60
    expected = hmac.new(KEY.encode(), f"{told_s}.".encode() + body, hashlib.sha256).hexdigest()
    assert sent == f"v1={expected}"
    assert headers["Idempotency-Key"] == run["execution_id"]
    told = json.loads(body)
    assert (told["execution_id"], told["filename"]) == (run["execution_id"], run["filename"])
    assert told["size_bytes"] == run["size_bytes"]
    (section,) = told["sections"]
    answer = await desk.call(
        "GET",
        "/v1/metrics/trips",
        params={"start_date": told["range_start"], "end_date": told["range_end"]},
    )
    figures = {one["figure"]: one["value"] for one in section["figures"]}
    assert figures["trips_completed"] == answer["trips_completed"]


async def test_a_busy_host_is_tried_again_and_nobody_gets_a_second_mail(desk: Desk, hook: Hook) -> None:
    hook.status = 503
    schedule_id = await desk.schedule(webhook_url=hook.url)
    run = await desk.made(schedule_id)
    assert (run["status"], run["posted_at"]) == ("pending", None)
    assert run["delivered_at"] is not None
    assert "answered 503" in run["error"]
    assert "in-the-url" not in run["error"]
    hook.status = 204
    desk.site.runtime.clock.advance(61)
    await desk.runner().make_waiting()
    (run,) = await desk.executions(schedule_id)
    assert (run["status"], run["attempts"], len(desk.inbox.mails)) == ("completed", 2, 1)
    assert len({headers["Idempotency-Key"] for headers, _ in hook.came}) == 1
    assert len(hook.came) == 2


REFUSED = ["ada@example.org", "nobody@example.org"]


@pytest.mark.parametrize("heir", ["worker-1", "worker-2"])
async def test_who_was_refused_by_mail_is_named_also_when_the_webhook_came_later(
    desk: Desk, hook: Hook, heir: str
) -> None:
    hook.status = 503
    schedule_id = await desk.schedule(webhook_url=hook.url, recipients=REFUSED)
    run = await desk.made(schedule_id)
    assert (run["status"], run["delivered_at"] is not None) == ("pending", True)
    assert "answered 503; the SMTP server refuses 1 of the recipients: nobody@example.org" in run["error"]
    hook.status = 200
    desk.site.runtime.clock.advance(61)
    await desk.runner(heir).make_waiting()
    (run,) = await desk.executions(schedule_id)
    assert (run["status"], run["attempts"], desk.inbox.recipients) == ("completed", 2, [["ada@example.org"]])
    assert run["posted_at"] is not None
    told = "the SMTP server refuses 1 of the recipients: nobody@example.org: 550 no such user"
    assert run["error"] == told


async def test_who_takes_over_from_a_dead_worker_knows_whom_its_mail_did_not_reach(
    desk: Desk, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def died(*_: Any) -> None:
        raise asyncio.CancelledError

    schedule_id = await desk.schedule(webhook_url=hook.url, recipients=REFUSED)
    with monkeypatch.context() as patch:
        patch.setattr(Webhooks, "post", died)
        with pytest.raises(asyncio.CancelledError):
            await desk.made(schedule_id)
    desk.site.runtime.clock.advance(61)
    await desk.runner("worker-2").make_waiting()
    (run,) = await desk.executions(schedule_id)
    assert (run["status"], run["attempts"], len(desk.inbox.mails)) == ("completed", 2, 1)
    assert "nobody@example.org: 550" in run["error"]


async def test_at_the_last_try_the_execution_fails_and_its_mail_and_webhook_are_told_apart(
    desk: Desk, hook: Hook
) -> None:
    """By mail it came for one of two, so nobody is mailed that it did not; the webhook is told."""
    hook.status = 503
    schedule_id = await desk.schedule(webhook_url=hook.url, recipients=REFUSED)
    await desk.made(schedule_id)
    for pause_s in (61, 301, 1_801):
        (run,) = await desk.executions(schedule_id)
        assert run["status"] == "pending"
        desk.site.runtime.clock.advance(pause_s)
        await desk.runner().make_waiting()
    (run,) = await desk.executions(schedule_id)
    assert (run["status"], run["attempts"], run["posted_at"]) == ("failed", 4, None)
    assert "answered 503; the SMTP server refuses 1 of the recipients: nobody@" in run["error"]
    assert [str(mail["Subject"]) for mail in desk.inbox.mails] == ["Trips of the week: 2026-01-26"]
    told = [json.loads(body) for _, body in hook.came]
    assert [one["status"] for one in told] == ["completed"] * 4 + ["failed"]
    assert told[-1]["error"] == run["error"]


@pytest.mark.parametrize("status", [307, 400, 404])
async def test_a_redirect_or_a_refusal_fails_the_report_and_is_followed_nowhere(
    desk: Desk, hook: Hook, status: int
) -> None:
    hook.status = status
    run = await desk.made(await desk.schedule(webhook_url=hook.url))
    assert (run["status"], hook.elsewhere) == ("failed", 0)
    assert f"answered {status}" in run["error"]
    # By mail it came: nobody is mailed that it could not be made.
    assert [str(mail["Subject"]) for mail in desk.inbox.mails] == ["Trips of the week: 2026-01-26"]
    assert json.loads(hook.came[-1][1])["status"] == "failed"


async def test_a_webhook_is_changed_and_taken_away(desk: Desk, hook: Hook) -> None:
    schedule_id = await desk.schedule()
    path = f"schedule/{schedule_id}"
    assert (await desk.call("GET", path))["webhook_url"] is None
    assert (await desk.call("PATCH", path, json={"webhook_url": hook.url}))["webhook_url"] == hook.url
    assert (await desk.call("PATCH", path, json={"active": False}))["webhook_url"] == hook.url
    assert (await desk.call("PATCH", path, json={"webhook_url": ""}))["webhook_url"] is None
    assert (await desk.made(schedule_id))["status"] == "completed"
    assert hook.came == []


INSIDE = (
    "http://hooks.example.org/",
    "https://10.0.0.1/",
    "https://127.0.0.2/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://169.254.169.254/latest/meta-data",
    "https://0.0.0.0/",
    "https://127.1/",
    "https://2130706433/",
    "https://\uff11\uff10.0.0.1/",
    "https://10\u30020\u30020\u30021/",
    "https://\u24600.0.0.1/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1%25eth0]/",
    "https://224.0.0.1/",
    "https://user:secret@hooks.example.org/",
    "ftp://hooks.example.org/",
    "https:///nothing",
)


@pytest.mark.parametrize("url", INSIDE)
async def test_an_address_that_leads_inside_is_refused_and_named(desk: Desk, hook: Hook, url: str) -> None:
    assert hook.url
    body: dict[str, Any] = {"webhook_url": url}
    schedule_id = await desk.schedule()
    answer = await desk.call("PATCH", f"schedule/{schedule_id}", 422, json=body)
    assert [fault["parameter"] for fault in answer["errors"]] == ["webhook_url"]


async def test_a_name_that_leads_inside_is_refused_when_it_is_looked_up() -> None:
    settings = Settings(_env_file=None, reports_webhook_key=SecretStr(KEY))
    with pytest.raises(WebhookRefused, match="localhost leads to a private address"):
        await Webhooks(settings).post("https://localhost:1/hook", b"{}", "k")


async def test_without_a_key_there_are_no_webhooks(desk: Desk) -> None:
    answer = await desk.call(
        "POST",
        "schedule",
        422,
        json={**WEEKLY, "webhook_url": "https://hooks.example.org/"},
    )
    assert "OPENRIDE_REPORTS_WEBHOOK_KEY" in str(answer["errors"])
