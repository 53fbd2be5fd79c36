"""Who asked what: one line of the log for each request of somebody with a token, or of somebody without."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from time import perf_counter
from typing import Final

import orjson
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from yarl import URL

from openride_stream.logs import MASK, PERSONAL_FIELDS, masked
from web.endpoint import Body, Endpoint
from web.tokens import Caller

logger = logging.getLogger(__name__)

_LONGEST_VALUE: Final = 200
# What was asked of the tables stands in the query, which is longer than a name or a moment.
_LONGEST: Final = {"query": 2_000}
_ADDRESS: Final = "webhook_url"


@dataclass(slots=True)
class Asked:
    """What a request asks for, and who does, once it is known; `began` is the status of a push."""

    endpoint: Endpoint
    caller: Caller | None = None
    body: bytes | None = None
    began: int | None = None


ASKED: Final = web.RequestKey("asked", Asked)


@web.middleware
async def audit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Log what was asked of every endpoint that has a role, and how it went."""
    started_s = perf_counter()
    status: int | None = None
    try:
        response = await handler(request)
        status = response.status
        return response
    finally:
        asked = request.get(ASKED)
        if asked is not None and asked.endpoint.role is not None:
            # Of a push that its client ended there is no other.
            status = asked.began if status is None else status
            _log(request, asked, status, round((perf_counter() - started_s) * 1000, 1))


async def note_beginning(request: web.Request, response: web.StreamResponse) -> None:
    """Log that a push begins: it may end in days, or with the process."""
    asked = request.get(ASKED)
    if asked is None or asked.endpoint.push is None or request.method == hdrs.METH_HEAD:
        return
    if response.status in (HTTPStatus.OK, HTTPStatus.SWITCHING_PROTOCOLS):
        asked.began = response.status
        _log(request, asked, asked.began, None)


def _log(request: web.Request, asked: Asked, status: int | None, duration_ms: float | None) -> None:
    caller = asked.caller
    body = {} if asked.body is None else {"body": _body(asked.body, asked.endpoint)}
    logger.info(
        "Listens" if duration_ms is None else "Asked",
        extra={
            "caller": caller.name if caller else None,
            # A name that is an e-mail address is masked in logs: this tells it from the others.
            "caller_id": blake2b(caller.key.encode(), digest_size=8).hexdigest() if caller else None,
            "role": caller.role if caller else None,
            "method": request.method,
            "route": asked.endpoint.path,
            "parameters": _parameters(request, asked.endpoint),
            **body,
            "status": status,
            **({} if duration_ms is None else {"duration_ms": duration_ms}),
        },
    )


def _parameters(request: web.Request, endpoint: Endpoint) -> Mapping[str, object]:
    # Declared ones only: a token that somebody put into the URL is not kept.
    given = {**request.query, **request.match_info}
    return {
        name: _told(name, value) for name, value in given.items() if name in endpoint.request.model_fields
    }


def _body(body: bytes, endpoint: Endpoint) -> Mapping[str, object] | None:
    """The declared fields of a JSON object; None where the body is none."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(given, dict):
        return None
    return {name: _told(name, value) for name, value in given.items() if name in _declared(endpoint)}


def _declared(endpoint: Endpoint) -> Collection[str]:
    if isinstance(endpoint.body, Body):
        fields: Mapping[str, object] = endpoint.body.schema["properties"]
        return fields.keys()
    return endpoint.body.model_fields if endpoint.body is not None else ()


def _told(name: str, value: object) -> object:
    """A value as it is logged, masked before it is cut: half an address would not be known for one."""
    if name == _ADDRESS:
        return _origin(value)
    if name in PERSONAL_FIELDS:
        return MASK
    if value is None or isinstance(value, bool | int | float):
        return value
    try:
        kept = masked(value)
        # As text, whatever is in it: a log line has few levels.
        text = kept if isinstance(kept, str) else orjson.dumps(kept).decode()
    except (RecursionError, orjson.JSONEncodeError):
        return MASK
    return text[: _LONGEST.get(name, _LONGEST_VALUE)]


def _origin(value: object) -> object:
    # Whoever has the whole address of a webhook can post to it.
    try:
        return value if value is None else f"{URL(str(value)).origin()}/{MASK}"
    except ValueError:
        return MASK
