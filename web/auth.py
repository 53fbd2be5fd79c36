"""Who may call what: bearer tokens, or nobody but this machine."""

import logging
from ipaddress import ip_address
from typing import Final

from aiohttp import web

from openride_stream.errors import ConfigurationError
from openride_stream.settings import Settings
from web.endpoint import Endpoint
from web.problems import Problem
from web.tokens import Caller, Entry, caller_of, parse_tokens

logger = logging.getLogger(__name__)

# Without tokens, whoever can reach the loopback: this machine's own users.
LOCAL: Final = Caller("local", "admin")
_CHALLENGE: Final = 'Bearer realm="openride"'


def configured(settings: Settings) -> tuple[Entry, ...]:
    """The tokens of `OPENRIDE_API_TOKENS`; none means that the API is open.

    Raises:
        ConfigurationError: the setting cannot be read.
    """
    return parse_tokens(settings.api_tokens.get_secret_value())


def check_binding(settings: Settings, bound: str | None = None) -> None:
    """Refuse to serve figures to a network without asking who is there.

    `bound` is the address in truth, where something may have put another in place of `OPENRIDE_WEB_HOST`.

    Raises:
        ConfigurationError: the address is not a loopback one and there are no tokens, or
            `OPENRIDE_API_TOKENS` cannot be read.
    """
    host = settings.web_host if bound is None else bound
    if not configured(settings) and not is_loopback(host):
        message = (
            f"OPENRIDE_WEB_HOST is {host} and OPENRIDE_API_TOKENS is empty: without tokens only "
            "this machine is answered (127.0.0.1, ::1 or localhost). Make one with "
            "`openride token new --role viewer --name NAME` and set the line that it prints"
        )
        raise ConfigurationError(message)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


async def warn_open(app: web.Application) -> None:
    """Say once, when the server starts, that it asks for no token."""
    del app
    logger.warning(
        "The API asks for no token: everyone on this machine can read the figures",
        extra={"setting": "OPENRIDE_API_TOKENS"},
    )


def authorise(request: web.Request, endpoint: Endpoint, settings: Settings) -> Caller | None:
    """Who calls; None where the endpoint asks nobody.

    Raises:
        Problem: 401 without a token that is known, 403 when its role is too low.
    """
    if endpoint.role is None:
        return None
    entries = configured(settings)
    if not entries:
        # `check_binding` has seen to it that only this machine can ask: by a name of its own.
        _check_name(request)
        return LOCAL
    caller = caller_of(_bearer(request), entries)
    if caller is None:
        detail = "the token is not known"
        raise Problem(401, detail, headers={"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'})
    if not caller.may(endpoint.role):
        detail = f"this needs the role {endpoint.role}; the token of {caller.name} has {caller.role}"
        challenge = f'{_CHALLENGE}, error="insufficient_scope", scope="{endpoint.role}"'
        raise Problem(403, detail, headers={"WWW-Authenticate": challenge})
    return caller


def _check_name(request: web.Request) -> None:
    """Refuse a name of somebody else's: a page of theirs may have had it resolved to the loopback.

    Raises:
        Problem: 421.
    """
    name = request.headers.get("Host", "localhost")
    host = name if name.endswith("]") else name.rpartition(":")[0] or name
    if not is_loopback(host):
        detail = (
            "without OPENRIDE_API_TOKENS only this machine is answered, under 127.0.0.1, [::1] or localhost; "
            "behind a proxy, set tokens or have it send one of these as Host"
        )
        raise Problem(421, detail)


def _of_websocket(request: web.Request) -> list[str]:
    """What a browser can say instead: `new WebSocket(url, ["bearer", token])`."""
    if request.headers.get("Upgrade", "").lower() != "websocket":
        return []
    names = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    return [" ".join(names)] if len(names) == 2 else []


def _bearer(request: web.Request) -> str:
    given = request.headers.getall("Authorization", []) or _of_websocket(request)
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        detail = "a token is needed: send `Authorization: Bearer <token>`"
        raise Problem(401, detail, headers={"WWW-Authenticate": _CHALLENGE})
    return token.strip()
