"""Who may speak to this server at all."""

import base64
import binascii
import hmac
from ipaddress import ip_address

from aiohttp import web

from openride_stream.embedded.clickhouse.errors import ClickHouseError, Code


def authenticate(request: web.Request, password: str) -> None:
    """Check the one user `default`.

    Raises:
        ClickHouseError: AUTHENTICATION_FAILED.
    """
    user, key = _credentials(request)
    if user != "default" or not hmac.compare_digest(key.encode(), password.encode()):
        text = f"{user}: Authentication failed: password is incorrect, or there is no user with such name."
        raise ClickHouseError(Code.AUTHENTICATION_FAILED, text)


def _credentials(request: web.Request) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, key = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise ClickHouseError(Code.AUTHENTICATION_FAILED, "Malformed Authorization header") from None
        return user, key
    user = request.headers.get("X-ClickHouse-User") or request.query.get("user") or "default"
    return user, request.headers.get("X-ClickHouse-Key") or request.query.get("password") or ""


def refuse_browsers(request: web.Request) -> None:
    """No page from elsewhere may reach a database without a password, neither directly nor by a DNS trick.

    Raises:
        ClickHouseError: ACCESS_DENIED.
    """
    if "Origin" in request.headers or not _is_loopback(request.headers.get("Host", "")):
        msg = "Requests of web pages, or to a host name that is not this machine's own, are refused"
        raise ClickHouseError(Code.ACCESS_DENIED, msg)


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] or host
    if name == "localhost":
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
