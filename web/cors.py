"""Pages of other origins: none may call unless `OPENRIDE_WEB_CORS_ORIGINS` names theirs."""

import re
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from openride_stream.errors import ConfigurationError
from openride_stream.settings import Settings
from web.problems import Problem

ANY: Final = "*"
# As a browser sends it: lower case, no path, no default port.
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?", re.ASCII)
_REQUEST_HEADERS: Final = "Authorization, Content-Type, If-None-Match"
_ANSWER_HEADERS: Final = "ETag, Retry-After, WWW-Authenticate, X-Cache, X-Notes"
_REMEMBER_S: Final = 600


class Origins:
    """The origins of a setting.

    Raises:
        ConfigurationError: when it is made, one of them is none.
    """

    def __init__(self, settings: Settings) -> None:
        named = settings.web_cors_origins.split(",")
        self._named = frozenset(origin.strip() for origin in named if origin.strip())
        for origin in self._named:
            if origin != ANY and not _ORIGIN.fullmatch(origin):
                message = f"OPENRIDE_WEB_CORS_ORIGINS: {origin} is not like https://app.example.org"
                raise ConfigurationError(message)

    @property
    def any(self) -> bool:
        """Whether pages of every origin may call."""
        return ANY in self._named

    def allow(self, origin: str) -> bool:
        """Whether pages of `origin` may call."""
        return self.any or origin in self._named

    def check_own(self, request: web.Request) -> None:
        """Refuse a page of another origin where no token is asked for.

        A browser sends WebSockets and simple POSTs anywhere and asks nobody; it says where from.

        Raises:
            Problem: 403.
        """
        origin = request.headers.get(hdrs.ORIGIN)
        own = request.headers.get(hdrs.HOST, "").lower()
        if origin is None or origin.lower() in (f"http://{own}", f"https://{own}") or self.allow(origin):
            return
        detail = (
            "without OPENRIDE_API_TOKENS pages of other origins are not answered (OPENRIDE_WEB_CORS_ORIGINS)"
        )
        raise Problem(403, detail)

    async def add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Tell the browser whether the page may read the answer."""
        if not self._named:
            return
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and self.allow(origin):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = ANY if self.any else origin
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _ANSWER_HEADERS

    @web.middleware
    async def preflight(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer the question that a browser asks before a request with a token."""
        asked = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_METHOD)
        refusal = request.match_info.http_exception
        if (
            request.method != hdrs.METH_OPTIONS
            or asked is None
            or not isinstance(refusal, web.HTTPMethodNotAllowed)
            or not self.allow(request.headers.get(hdrs.ORIGIN, ""))
        ):
            return await handler(request)
        headers = {
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: ", ".join(sorted(refusal.allowed_methods)),
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: _REQUEST_HEADERS,
            hdrs.ACCESS_CONTROL_MAX_AGE: str(_REMEMBER_S),
        }
        return web.Response(status=204, headers=headers)


def check_origins(settings: Settings, *, open_to_all: bool) -> None:
    """Refuse to let every page of the web read figures that ask for no token.

    Raises:
        ConfigurationError: it would, or the setting cannot be read.
    """
    if Origins(settings).any and open_to_all:
        message = (
            "OPENRIDE_WEB_CORS_ORIGINS is * and OPENRIDE_API_TOKENS is empty: every page that somebody on "
            "this machine opens could read the figures; name the origins, or set tokens"
        )
        raise ConfigurationError(message)
