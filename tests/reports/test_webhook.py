"""Reports by webhook: signed, once, tried again, and nowhere that they should not go."""

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from openride_stream.reports.service import ReportDesk
from openride_stream.reports.webhook import WebhookRefused, Webhooks
from openride_stream.settings import Settings
from tests.reports.conftest import WEEKLY, Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "a key that signs"


@dataclass
class Hook:
    """A server that keeps what it is posted, and answers what a test says."""

    url: str = ""
    status: int = 200
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    elsewhere: int = 0

    async def take(self, request: web.Request) -> web.Response:
        self.came.append((dict(request.headers), await request.read()))
        headers = {"Location": "/elsewhere"} if self.status == 307 else {}
        return web.Response(status=self.status, headers=headers)

    async def other(self, request: web.Request) -> web.Response:
        del request
        self.elsewhere += 1
        return web.Response()


@pytest_asyncio.fixture(loop_scope="module")
async def hook(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hook]:
    """The desk may post to this machine by http."""
    hook, app = Hook(), web.Application()
    app.router.add_post("/hook", hook.take)
    app.router.add_post("/elsewhere", hook.other)
    more = {"reports_webhook_key": SecretStr(KEY), "reports_webhook_hosts": "localhost, 127.0.0.1"}
    settings = desk.settings.model_copy(update=more)
    monkeypatch.setattr(desk, "settings", settings)
    runtime = desk.site.runtime
    own = ReportDesk(runtime.exports.jobs._metadata, runtime.clock, settings)
    monkeypatch.setattr(runtime, "reports", own)
    async with TestServer(app) as server:
        hook.url = str(server.make_url("/hook?secret=in-the-url"))
        yield hook


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
