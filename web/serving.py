"""From an HTTP request to an endpoint's answer and back, and what surrounds every answer."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from http import HTTPStatus
from time import perf_counter
from typing import Final

import orjson
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from openride_stream.errors import StoreLimit, Transient
from openride_stream.exports.files import Kept
from openride_stream.metrics import Metrics
from web.asked import ASKED, Asked
from web.auth import Gate
from web.context import Context
from web.downloads import send_kept
from web.endpoint import Body, Endpoint, Reply
from web.parameters import parse, parse_body
from web.problems import Problem, beyond, unavailable
from web.streams import send

logger = logging.getLogger(__name__)

# Labels of a metric come from these lists, never from what a client invents.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_ROUTE: Final = "(none)"
_UNREADABLE_BODY: Final = (
    "the body cannot be read: it is not encoded as Content-Encoding or Transfer-Encoding says"
)

HEADERS: Final = {
    "Server": "openride-stream",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


async def serve(endpoint: Endpoint, context: Context, gate: Gate, request: web.Request) -> web.StreamResponse:
    """One request: who asks, what for, the answer."""
    asked = request[ASKED] = Asked(endpoint)
    if endpoint.role is not None:
        asked.caller = await gate.identify(request)
        await gate.permit(asked.caller, endpoint.role)
    query = parse(endpoint.request, request.query, request.match_info)
    if endpoint.push is not None:
        return await endpoint.push(replace(context, caller=asked.caller), query, request)
    given: list[object] = []
    if endpoint.body is not None:
        asked.body = await _body_of(request)
        model = None if isinstance(endpoint.body, Body) else endpoint.body
        given.append(asked.body if model is None else parse_body(model, asked.body))
    if endpoint.asks_who:
        given.append(asked.caller)
    answer = await endpoint.answer(replace(context, caller=asked.caller), query, *given)
    reply = answer if isinstance(answer, Reply) else Reply(answer, endpoint.status)
    if isinstance(reply.body, Kept):
        return await send_kept(reply.body, reply, request)
    if isinstance(reply.body, AsyncIterator):
        headers = {"Cache-Control": "no-store", "Content-Type": reply.content_type, **reply.headers}
        return await send(reply.body, reply.status, headers, request)
    return _response(reply, request)


async def _body_of(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.RequestPayloadError:
        # What follows cannot be told from what is left of the body: the connection ends.
        raise Problem(400, _UNREADABLE_BODY, headers={hdrs.CONNECTION: "close"}) from None


def _response(reply: Reply, request: web.Request) -> web.StreamResponse:
    headers = {"Cache-Control": "no-store", **reply.headers}
    if reply.body is None:
        return web.Response(status=reply.status, headers=headers)
    if reply.etag is not None:
        headers["ETag"] = f'"{reply.etag}"'
        if any(tag.value in (reply.etag, "*") for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
    body = reply.body if isinstance(reply.body, bytes) else orjson.dumps(reply.body)
    headers["Content-Type"] = reply.content_type
    return web.Response(status=reply.status, body=body, headers=headers)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every failure becomes a problem document; what we did not foresee is logged and says nothing."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response(request.path)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return framework_problem(error).response(request.path)
    except StoreLimit as error:
        logger.warning("Question too large", extra={"path": request.path, "error": str(error)})
        return beyond(error.limit).response(request.path)
    except Transient as error:
        logger.warning("Request put off", extra={"path": request.path, "error": str(error)})
        return unavailable("a store is away or overloaded: nothing is lost, ask again in a moment").response(
            request.path
        )
    except Exception:
        logger.exception("Request failed", extra={"method": request.method, "path": request.path})
        return Problem(500, "the request failed; the worker's log says why").response(request.path)


def framework_problem(error: web.HTTPException) -> Problem:
    """What aiohttp refused, as we say it."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Problem(405, f"{error.method} is not allowed here: {allowed}", headers={"Allow": allowed})
    details = {
        404: "there is nothing at this path",
        413: "the body is too large",
        417: "of what `Expect` may ask for, only 100-continue is known here",
    }
    return Problem(error.status, details.get(error.status, error.reason or "the request was refused"))


def measured(metrics: Metrics) -> Middleware:
    """Middleware that times every request under its declared path."""

    @web.middleware
    async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
        started_s = perf_counter()
        response = await handler(request)
        if response.prepared and response.status != HTTPStatus.NOT_MODIFIED:
            return response  # pushed for as long as somebody listened: no duration of an answer
        resource = request.match_info.route.resource
        metrics.http_request_duration_seconds.labels(
            request.method if request.method in _METHODS else "OTHER",
            resource.canonical if resource else _NO_ROUTE,
            str(response.status),
        ).observe(perf_counter() - started_s)
        return response

    return measure


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Headers that every response carries."""
    del request
    response.headers.update(HEADERS)
