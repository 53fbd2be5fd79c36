"""A server whose store has a month of rides, and a real SMTP server."""

import asyncio
import ssl
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from pydantic import SecretStr

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.migrate import migrate
from openride_stream.events.example import example
from openride_stream.reports.runner import ReportRunner
from openride_stream.reports.service import ReportDesk
from openride_stream.settings import Settings
from tests.fixtures.clickhouse import free_port
from tests.fixtures.clock import ManualClock
from tests.fixtures.store import settings_for
from tests.fixtures.web import Site, fill, open_site
from tests.reports.certificates import certificate
from web.tokens import entry_of, new_token

TOKENS = {name: new_token() for name in ("ada", "ben", "root")}
ROLES = {"ada": "analyst", "ben": "analyst", "root": "admin"}
WEEKLY: dict[str, Any] = {
    "report_name": "Trips of the week",
    "report_type": "trip_metrics",
    "frequency": "weekly",
    "timezone": "Africa/Lagos",
    "format": "csv",
    "recipients": ["ada@example.org", "ben@example.org"],
}
KEY = "a key that signs"
# Monday 2 February 2026, noon in Lagos.
NOON_MS = 1_770_030_000_000


@dataclass
class Inbox:
    """What an SMTP server was given; `answer` is what it says of the next mails."""

    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    answer: str = "250 OK"
    greylisted: int = 0
    """How often whoever is called grey is put off; `answer` may also be "hang" or "close"."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.answer == "hang":
            await asyncio.sleep(3_600)
        if self.answer == "close":
            server.transport.abort()
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            mail = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            self.recipients.append(list(envelope.rcpt_tos))
        return self.answer

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such user"
        if address.startswith("grey@") and self.greylisted > 0:
            self.greylisted -= 1
            return "451 try again in five minutes"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"me", b"secret")
        return AuthResult(success=known, handled=False)


@dataclass
class Desk:
    """Who asks for reports, the server that answers, and the mail that comes."""

    site: Site
    settings: Settings
    inbox: Inbox

    def runner(self, worker: str = "worker-1", **changed: Any) -> ReportRunner:
        settings = self.settings.model_copy(update=changed)
        runtime = self.site.runtime
        return ReportRunner(runtime.reports, runtime.reader, worker, self.site.metrics, settings)

    async def call(self, method: str, path: str, status: int = 200, who: str = "ada", **given: Any) -> Any:
        headers = {"Authorization": f"Bearer {TOKENS[who]}", **given.pop("headers", {})}
        url = path if path.startswith("/") else f"/v1/reports/{path}"
        async with self.site.client.request(method, url, headers=headers, **given) as response:
            body = await response.read()
            assert response.status == status, body
            return await response.json(content_type=None) if "json" in response.content_type else body

    async def schedule(self, **changed: Any) -> str:
        answer = await self.call("POST", "schedule", 201, json=WEEKLY | changed)
        return str(answer["schedule_id"])

    async def made(self, schedule_id: str, runner: ReportRunner | None = None) -> dict[str, Any]:
        run = await self.call("POST", f"schedule/{schedule_id}/execute", 202)
        await (runner or self.runner()).make_waiting()
        found: dict[str, Any] = await self.call("GET", f"executions/{run['execution_id']}")
        return found

    async def executions(self, schedule_id: str) -> list[dict[str, Any]]:
        answer = await self.call("GET", f"schedule/{schedule_id}/executions")
        found: list[dict[str, Any]] = answer["executions"]
        return found


@pytest.fixture(scope="module")
def smtp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Inbox, int]]:
    """It asks for STARTTLS, then for a password; its certificate is one that this process trusts."""
    inbox, port = Inbox(), free_port()
    folder = tmp_path_factory.mktemp("tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder))
    server = Controller(
        inbox,
        hostname="127.0.0.1",
        port=port,
        authenticator=inbox.authenticate,
        auth_required=True,
        tls_context=context,
        require_starttls=True,
    )
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(folder / "cert.pem"))
        yield inbox, port
    server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(clickhouse_url: str, smtp: tuple[Inbox, int]) -> AsyncIterator[Desk]:
    inbox, port = smtp
    entries = ",".join(entry_of(name, ROLES[name], token).text() for name, token in TOKENS.items())
    settings = settings_for(
        clickhouse_url,
        api_tokens=SecretStr(entries),
        smtp_host="127.0.0.1",
        smtp_port=port,
        smtp_tls="starttls",
        smtp_user="me",
        smtp_password=SecretStr("secret"),
        cache_look_s=0,
        api_requests_per_minute=0,
    )
    store = ClickHouse.open(settings)
    await migrate(store, settings)
    async with open_site(settings, store, ManualClock()) as site:
        await fill(site, [event for number in range(40) for event in ride(number)])
        yield Desk(site, site.settings, inbox)
    await store.execute(f"DROP DATABASE {settings.clickhouse_database} SYNC")
    await store.close()


@pytest_asyncio.fixture(loop_scope="module")
async def desk(opened: Desk) -> AsyncIterator[Desk]:
    """With an empty inbox, at noon of a Monday, and no schedules when the test ends."""
    opened.inbox.mails.clear()
    opened.inbox.recipients.clear()
    opened.inbox.answer = "250 OK"
    opened.inbox.greylisted = 0
    opened.site.runtime.clock.ms = NOON_MS
    yield opened
    for schedule in (await opened.call("GET", "schedule", who="root"))["schedules"]:
        await opened.call("DELETE", f"schedule/{schedule['schedule_id']}", 204, "root")


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


def ride(number: int) -> list[dict[str, Any]]:
    """What one ride leaves behind, on a day of January 2026."""
    at = f"2026-01-{number % 28 + 1:02}T{8 + number % 12:02}:30:00Z"
    names = ("user.registered", "booking.created", "booking.confirmed", "payment.success", "trip.completed")
    ids = {key: str(uuid.UUID(int=1_000 * number + place)) for place, key in enumerate(_IDS, start=1)}
    ids["driver_id"] = str(uuid.UUID(int=number % 7 + 1))
    return [
        {key: ids.get(key, value) for key, value in example(name).items()}
        | {"event_id": str(uuid.uuid4()), "event_timestamp": at, "city": "Lagos", "state": "LA"}
        for name in names
    ]


_IDS = ("user_id", "rider_id", "booking_id", "payment_id", "trip_id")
