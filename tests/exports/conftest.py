"""A server with rides in its store, and a runner that a test starts by hand."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest_asyncio
from pydantic import SecretStr

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.migrate import migrate
from openride_stream.clickhouse.reconcile import Reconciler
from openride_stream.clock import SystemClock
from openride_stream.events.example import example
from openride_stream.exports.runner import ExportRunner
from openride_stream.settings import Settings
from tests.fixtures.clock import ManualClock
from tests.fixtures.store import settings_for
from tests.fixtures.web import Site, fill, open_site
from web.tokens import entry_of, new_token

TOKENS = {name: new_token() for name in ("ada", "ben", "root", "eve")}
ROLES = {"ada": "analyst", "ben": "analyst", "root": "admin", "eve": "viewer"}
TRIPS = 40
FORMULA = '=HYPERLINK("http://x")'


@dataclass
class Desk:
    """Who asks for exports: a server, and the means to have them written."""

    site: Site
    settings: Settings

    def runner(self, worker: str = "worker-1", **given: Any) -> ExportRunner:
        settings = given.pop("settings", self.settings)
        return ExportRunner(self.site.runtime.exports, worker, self.site.metrics, settings, **given)

    async def call(
        self, method: str, path: str, who: str = "ada", status: int = 200, **given: Any
    ) -> tuple[bytes, Any]:
        headers = {"Authorization": f"Bearer {TOKENS[who]}", **given.pop("headers", {})}
        async with self.site.client.request(
            method, f"/v1/exports/{path}", headers=headers, **given
        ) as response:
            body = await response.read()
            assert response.status == status, body
            return body, response

    async def ask(
        self, query: str, form: str = "csv", who: str = "ada", status: int = 202, **more: Any
    ) -> str:
        _, response = await self.call(
            "POST", "request", who, status, json={"query": query, "format": form, **more}
        )
        answer = await response.json(content_type=None)
        return str(answer.get("export_id", answer.get("detail")))

    async def status(self, export_id: str, who: str = "ada") -> dict[str, Any]:
        _, response = await self.call("GET", f"{export_id}/status", who)
        found: dict[str, Any] = await response.json()
        return found

    async def made(self, query: str, form: str = "csv", **more: Any) -> bytes:
        export_id = await self.ask(query, form, **more)
        await self.runner().write_waiting()
        status = await self.status(export_id)
        assert (status["status"], status["error"]) == ("completed", None)
        body, _ = await self.call("GET", f"{export_id}/download")
        assert len(body) == status["size_bytes"]
        return body


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def desk(clickhouse_url: str) -> AsyncIterator[Desk]:
    """Forty trips (one sent twice, one with two contents), a route with a formula for its name."""
    entries = ",".join(entry_of(name, ROLES[name], token).text() for name, token in TOKENS.items())
    settings = settings_for(clickhouse_url, api_tokens=SecretStr(entries), exports_active_per_user=3)
    store = ClickHouse.open(settings)
    await migrate(store, settings)
    async with open_site(settings, store, ManualClock()) as site:
        events = [trip(number) for number in range(TRIPS)]
        events += [events[0], {**events[1], "distance_km": 99.5}]
        events.append({**example("route.created"), "route_name": FORMULA, "event_id": str(uuid.uuid4())})
        await fill(site, events)
        await Reconciler(store, site.metrics, SystemClock(), settings).run()
        yield Desk(site, site.settings)
    await store.execute(f"DROP DATABASE {settings.clickhouse_database} SYNC")
    await store.close()


def trip(number: int) -> dict[str, Any]:
    return example("trip.completed") | {
        "event_id": str(uuid.UUID(int=number + 1)),
        "trip_id": str(uuid.UUID(int=number + 1)),
        "event_timestamp": f"2026-01-{number % 28 + 1:02}T08:30:00.250Z",
        "city": ("Lagos", 'Say "hi",\nÀbújá')[number % 2],
        "state": "LA",
        "distance_km": number + 0.5,
        "driver_earnings": f"{number}.10",
    }


async def is_downloaded_by_the_rules(desk: Desk, path: str, whole: bytes) -> None:
    """What HTTP has for files: parts, conditions, a HEAD; what is refused is a problem document."""
    _, answer = await desk.call("HEAD", path)
    tag, changed = answer.headers["ETag"], answer.headers["Last-Modified"]
    assert (int(answer.headers["Content-Length"]), answer.headers["Accept-Ranges"]) == (len(whole), "bytes")
    long_ago, other = "Mon, 01 Jan 2001 00:00:00 GMT", '"other"'
    for headers in (
        {"If-Match": tag},
        {"If-Match": "*"},
        {"If-Unmodified-Since": changed},
        {"If-None-Match": other},
        {"If-Modified-Since": long_ago},
        {"Range": "lines=1-2"},
        {"Range": "bytes=0-1,3-4"},
        {"Range": "bytes=1-", "If-Range": other},
        {"Range": "bytes=1-", "If-Range": long_ago},
    ):
        assert (await desk.call("GET", path, headers=headers))[0] == whole, headers
    for kept in ({}, {"If-Range": tag}, {"If-Range": changed}):
        for asked, part, told in (
            ("bytes=1-3", whole[1:4], f"bytes 1-3/{len(whole)}"),
            ("bytes=-2", whole[-2:], f"bytes {len(whole) - 2}-{len(whole) - 1}/{len(whole)}"),
        ):
            body, answer = await desk.call("GET", path, status=206, headers={"Range": asked, **kept})
            assert (body, answer.headers["Content-Range"]) == (part, told)
    for headers in ({"If-None-Match": tag}, {"If-Modified-Since": changed}):
        assert (await desk.call("GET", path, status=304, headers=headers))[0] == b""
    for headers, status in (
        ({"If-Match": other}, 412),
        ({"If-Match": f"W/{tag}"}, 412),
        ({"If-Unmodified-Since": long_ago}, 412),
        ({"Range": f"bytes={len(whole)}-"}, 416),
    ):
        body, answer = await desk.call("GET", path, status=status, headers=headers)
        assert answer.content_type == "application/problem+json"
        assert (await answer.json(content_type=None))["status"] == status
        assert status != 416 or answer.headers["Content-Range"] == f"bytes */{len(whole)}"
        assert (await desk.call("HEAD", path, status=status, headers=headers))[0] == b""


async def until(found: Any, within_s: float = 20.0) -> None:
    """Return when `found()` is true."""
    deadline_s = time.monotonic() + within_s
    while not await found():
        assert time.monotonic() < deadline_s, "not in time"
        await asyncio.sleep(0.05)
