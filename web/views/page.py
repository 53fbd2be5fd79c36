"""`GET /`: the page that shows the figures moving, and its assets. All of it ships with the package."""

from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Final

from pydantic import BaseModel

from web.context import Context
from web.endpoint import REVALIDATED, Answer, Endpoint, Reply

# Only what this server sends, and no inline script or style: nothing that is injected can run.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_CURRENCY: Final = b"__CURRENCY__"
_LAND: Final = "vendor/natural-earth/land.bin"


@cache
def _asset(name: str, currency: str) -> tuple[bytes, str]:
    """The bytes of one file and a tag that changes with them. The page is told what money it shows."""
    body = files("web").joinpath("static", name).read_bytes().replace(_CURRENCY, currency.encode())
    return body, blake2b(body, digest_size=8).hexdigest()


def _serve(name: str, content_type: str, policy: str) -> Answer:
    async def serve(context: Context, query: BaseModel) -> Reply:
        del query
        body, etag = _asset(name, context.settings.currency)
        headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
        text = "" if content_type == "application/octet-stream" else "; charset=utf-8"
        return Reply(body, content_type=content_type + text, headers=headers, etag=etag)

    return serve


def served(
    path: str, name: str, content_type: str, summary: str, policy: str = CONTENT_SECURITY_POLICY
) -> Endpoint:
    """The file `name` of web/static at `path`; a page may do what `policy` lets it."""
    answer = _serve(name, content_type, policy)
    return Endpoint("GET", path, None, summary, answer, content_type=content_type, others=REVALIDATED)


SCRIPTS: Final = {
    "page": "The page's script.",
    "kit": "Of the page: numbers, figures and elements.",
    "chosen": "Of the page: range and city, and the address that holds them.",
    "asking": "Of the page: asking the API.",
    "contact": "Of the page: whether the server is heard, and its clock.",
    "state": "Of the page: how it is doing as a whole.",
    "lines": "Of the page: lines of figures over time.",
    "live": "Of the page: what is so now.",
    "map": "Of the page: drivers and cities.",
    "land": "Of the page: land and water under the map.",
    "zones": "Of the page: demand and drivers by zone.",
    "frame": "Of the page: what part of the earth the map shows.",
    "depth": "Of the page: funnel, cohorts, routes and drivers.",
    "ingest": "Of the page: how events come in.",
    "schedules": "Of the page: the scheduler's tiers.",
    "money": "Of the page: who keeps what of the fares, and how they were paid.",
    "notes": "Of the page: notes on answers.",
    "tables": "Of the page: every card as a table and as CSV.",
}
"""The page's modules, and what each is of it."""

ENDPOINTS: Final = (
    served("/", "index.html", "text/html", "The page that shows the figures moving."),
    served("/static/page.css", "page.css", "text/css", "The page's style."),
    *(
        served(f"/static/{name}.js", f"{name}.js", "text/javascript", summary)
        for name, summary in SCRIPTS.items()
    ),
    served("/static/icon.svg", "icon.svg", "image/svg+xml", "The page's icon."),
    served(f"/static/{_LAND}", _LAND, "application/octet-stream", "Outlines of the earth's land."),
)
