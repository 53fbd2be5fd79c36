"""Who may call what: bearer tokens, or nobody but this machine."""

import logging
from typing import TYPE_CHECKING, Final

from aiohttp import web

from openride_stream.clock import Clock
from openride_stream.errors import ConfigurationError
from openride_stream.settings import Settings
from web.challenges import bad_token, lacking, no_token
from web.cors import Origins, check_origins
from web.endpoint import Role
from web.jwt_policy import is_loopback, jwt_policy
from web.limits import Limiter
from web.problems import Problem
from web.tokens import Caller, Entry, caller_of, parse_tokens

if TYPE_CHECKING:
    from web.jwts import JwtTokens

logger = logging.getLogger(__name__)

# Without tokens, whoever can reach the loopback: this machine's own users.
LOCAL: Final = Caller("local", "admin", "local")


def configured(settings: Settings) -> tuple[Entry, ...]:
    """The tokens of `OPENRIDE_API_TOKENS`.

    Raises:
        ConfigurationError: the setting cannot be read.
    """
    return parse_tokens(settings.api_tokens.get_secret_value())


def is_open(settings: Settings) -> bool:
    """Whether no token is asked for: none is configured, and no issuer of them.

    Raises:
        ConfigurationError: a setting of tokens cannot be read.
    """
    with_jwts = jwt_policy(settings) is not None
    return not configured(settings) and not with_jwts


def check_binding(settings: Settings, bound: str | None = None) -> None:
    """Refuse to serve figures to a network without asking who is there.

    `bound` is the address in truth, where something may have put another in place of `OPENRIDE_WEB_HOST`.

    Raises:
        ConfigurationError: the address is not a loopback one and there are no tokens, or a setting of tokens
            or origins cannot be read.
    """
    host = settings.web_host if bound is None else bound
    check_origins(settings, open_to_all=is_open(settings))
    if is_open(settings) and not is_loopback(host):
        message = (
            f"OPENRIDE_WEB_HOST is {host} and OPENRIDE_API_TOKENS is empty: without tokens only "
            "this machine is answered (127.0.0.1, ::1 or localhost). Make one with "
            "`openride token new --role viewer --name NAME` and set the line that it prints"
        )
        raise ConfigurationError(message)


async def warn_open(app: web.Application) -> None:
    """Say once, when the server starts, that it asks for no token."""
    del app
    logger.warning(
        "The API asks for no token: everyone on this machine can read the figures",
        extra={"setting": "OPENRIDE_API_TOKENS"},
    )


class Gate:
    """Lets callers in by their tokens, each so often; keeps the issuer's keys.

    Raises:
        ConfigurationError: when it is made, a setting of tokens cannot be read.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._origins = Origins(settings)
        self._entries = configured(settings)
        self._jwts = _jwt_tokens(settings, clock)
        self._limiter = Limiter(settings, clock)
        self.open = is_open(settings)

    async def identify(self, request: web.Request) -> Caller:
        """Who calls.

        Raises:
            Problem: 401 without a token that is known, 503 when it cannot be told since the issuer's keys are
                out of reach; where no token is asked for, 421 or 403 when somebody else's page calls.
        """
        if self.open:
            # `check_binding` has seen to it that only this machine can ask: by a name of its own.
            _check_name(request)
            self._origins.check_own(request)
            return LOCAL
        token = _bearer(request)
        caller = caller_of(token, self._entries)
        if caller is None and self._jwts is not None:
            caller = await self._jwts.caller(token)
        if caller is None:
            detail = "the token is not known"
            raise bad_token(detail)
        return caller

    async def permit(self, caller: Caller, needed: Role) -> None:
        """Whether the caller may do what needs a role, now.

        Raises:
            Problem: 429 when its token was used too often, 403 when its role is too low.
        """
        if not self.open:
            await self._limiter.count(caller.key)
        if not caller.may(needed):
            detail = f"this needs the role {needed}; the token of {caller.name} has {caller.role}"
            raise lacking(detail, needed)

    async def close(self) -> None:
        """Close the connections; may be called again."""
        await self._limiter.close()


def _jwt_tokens(settings: Settings, clock: Clock) -> "JwtTokens | None":
    policy = jwt_policy(settings)
    if policy is None:
        return None
    # Loaded for those who have an issuer: it takes as long as the rest of the web layer.
    from web.jwts import JwtTokens

    return JwtTokens(policy, clock)


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
        raise no_token()
    return token.strip()
