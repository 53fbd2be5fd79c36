"""The dashboard with its server played by a test: its own files, and whatever answers a test makes up."""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from importlib.resources import files
from typing import Any

from playwright.async_api import Page, Route

from web.registry import all_endpoints
from web.views.page import CONTENT_SECURITY_POLICY

ORIGIN = "http://openride.test"
STATIC = files("web").joinpath("static")
TYPES = {
    "js": "text/javascript",
    "css": "text/css",
    "svg": "image/svg+xml",
    "html": "text/html",
    "bin": "application/octet-stream",
}

Body = dict[str, Any]
Given = Body | bytes | int | tuple[int, Body] | None
Reply = Callable[[str], Given]
"""By path what is answered: an object as JSON (with a status), bytes as they are, a status with some HTML.

With None nothing is, until `release`."""


def usual(path: str) -> Given:
    """Each question answered as the documentation has it."""
    given = copy.deepcopy(_examples().get(path, 404))
    return given | fresh(given) if isinstance(given, dict) else given


def fresh(given: Body) -> Body:
    """What a live answer says of when it is of: now."""
    return dict.fromkeys({"timestamp", "as_of"} & {*given}, datetime.now(UTC).isoformat())


@cache
def _examples() -> dict[str, Body]:
    found = {
        one.path: dict(one.example)
        for one in all_endpoints()
        if one.method == "GET" and isinstance(one.example, Mapping)
    }
    return found | {"/health/ready": {"status": "ready", "reasons": []}}


@dataclass
class PlayedServer:
    """What a page is answered.

    Attributes:
        reply: by path; what it raises or returns is for the test to say.
        clock: what the server's clock says.
    """

    reply: Reply
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    held: list[Route] = field(default_factory=list)

    async def begin(self, page: Page) -> None:
        await page.route("**/*", self._answer)

    async def release(self) -> None:
        """Answer what was not answered."""
        held, self.held = self.held, []
        for route in held:
            await self._answer(route)

    async def _answer(self, route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN).split("?")[0].split("#")[0]
        headers = {"Date": format_datetime(self.clock(), usegmt=True)}
        if path == "/" or path.startswith("/static/"):
            name = path.removeprefix("/static/") if path != "/" else "index.html"
            body = STATIC.joinpath(name).read_bytes().replace(b"__CURRENCY__", b"NGN")
            headers |= {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
            await route.fulfill(body=body, content_type=TYPES[name.split(".")[-1]], headers=headers)
            return
        given = self.reply(path)
        if given is None:
            self.held.append(route)
        elif isinstance(given, int):
            await route.fulfill(
                status=given, body="<!doctype html><title>Oh</title>", content_type="text/html"
            )
        elif isinstance(given, bytes):
            await route.fulfill(body=given, content_type="application/json", headers=headers)
        else:
            status, body = given if isinstance(given, tuple) else (200, given)
            kind = "application/json" if status == 200 else "application/problem+json"
            await route.fulfill(status=status, body=json.dumps(body), content_type=kind, headers=headers)
