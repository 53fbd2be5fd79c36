"""Who may call what. Tokens come with a later version: until then only this machine may call."""

import logging
from ipaddress import ip_address

from aiohttp import web

from openride_stream.errors import ConfigurationError
from openride_stream.settings import Settings
from web.endpoint import Endpoint

logger = logging.getLogger(__name__)


def check_binding(settings: Settings) -> None:
    """Refuse to serve figures to a network without asking who is there.

    Raises:
        ConfigurationError: `OPENRIDE_WEB_HOST` is not a loopback address.
    """
    if not is_loopback(settings.web_host):
        message = (
            f"OPENRIDE_WEB_HOST is {settings.web_host}: this version has no tokens and answers on loopback "
            "only (127.0.0.1, ::1 or localhost)"
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
    logger.warning("The API asks for no token: everyone on this machine can read the figures")


def authorise(request: web.Request, endpoint: Endpoint, settings: Settings) -> None:
    """Let the request through or raise `Problem` 401 or 403; on loopback everyone has every role."""
    del request, endpoint
    assert is_loopback(settings.web_host), "check_binding was not called"
