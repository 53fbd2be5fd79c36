"""aiohttp's server, as we run it: what it refuses itself is a problem document too."""

import asyncio
import logging
from http import HTTPStatus
from typing import Any, Final

from aiohttp import StreamReader, hdrs, web

from web.problems import Problem
from web.serving import HEADERS, framework_problem

logger = logging.getLogger(__name__)

# aiohttp by itself waits an hour.
_FIRST_REQUEST_WITHIN_S: Final = 30.0


class _Protocol(web.RequestHandler):
    """One connection."""

    __slots__ = ("_first_request_due", "_newest_body")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, and let go of whoever does not say what they want."""
        super().connection_made(transport)
        self._newest_body: StreamReader | None = None
        self._first_request_due = self._loop.call_later(_FIRST_REQUEST_WITHIN_S, self._close_mute)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        self._first_request_due.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what has come; who waits for a body that breaks off in the middle is told so."""
        body = self._newest_body
        super().data_received(data)
        if not self._messages or (newest := self._messages[-1][1]) is body:
            return
        self._newest_body = newest
        # No request comes before the body of the last one has ended: this is what cannot be read of it.
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(web.RequestPayloadError("broken off"))

    def _close_mute(self) -> None:
        if self._request_count == 0:
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP request that can be read, and close.

        `message` quotes what was sent: it goes into the log alone.
        """
        if request.writer.output_size > 0:
            broken = "the answer is on its way already"
            raise ConnectionError(broken)
        response = _problem(status, exc, message).response("")
        response.headers.update(HEADERS)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log what went wrong with a connection, unless it is a body that nobody can read."""
        if isinstance(kw.get("exc_info"), web.RequestPayloadError):
            logger.debug("Unreadable body", extra={"reason": str(kw["exc_info"])})
            return
        super().log_exception(*args, **kw)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer; what is refused before any middleware (an `Expect`) is a problem document too."""
        if isinstance(resp, web.HTTPException) and resp.status >= HTTPStatus.BAD_REQUEST:
            resp = framework_problem(resp).response(request.path)
        if resp.status != HTTPStatus.SWITCHING_PROTOCOLS and hdrs.UPGRADE in request.headers:
            # What follows is not HTTP, nobody reads it, and it would be kept.
            resp.force_close()
        return await super().finish_response(request, resp, start_time)


def _problem(status: int, exc: BaseException | None, message: str | None) -> Problem:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("Request failed", exc_info=exc)
        return Problem(500, "the request failed; the worker's log says why")
    # Whoever can reach the port can send such: it is no trouble of ours.
    logger.debug("No HTTP request", extra={"status": status, "reason": message})
    return Problem(status, "this is no HTTP request, or one line of it is too long or cannot be read")


class _Server(web.Server):
    """Makes a connection's protocol."""

    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application; a client that goes away ends what was done for it alone."""

    __slots__ = ()

    def __init__(self, app: web.Application, **given: Any) -> None:
        super().__init__(app, **({"access_log": None, "handler_cancellation": True} | given))

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        # aiohttp has no hook for its protocol; this class adds nothing to a server but which one it makes.
        server.__class__ = _Server
        return server
