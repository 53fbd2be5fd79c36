"""Reports posted to an address: signed, to hosts that may be reached, and nowhere else.

Whoever may schedule a report chooses where a request of ours goes. So it goes by https to public addresses
only, looked up when it is sent, follows no redirect, and its answer is shown to nobody. Hosts inside have to
be named by a setting.
"""

import hashlib
import hmac
import ipaddress
import re
import socket
import time
from collections.abc import Sequence
from typing import Any, Final

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from openride_stream.clock import rfc3339
from openride_stream.errors import Rejected, Transient
from openride_stream.metadata.reports import Execution, Schedule
from openride_stream.settings import Settings
from openride_stream.sheets.sections import Section

SIGNATURE: Final = "OpenRide-Signature"
_TIMEOUT_S: Final = 15.0
_OK: Final = range(200, 300)
_AGAIN: Final = frozenset({408, 425, 429, *range(500, 600)})
_NUMBERS: Final = re.compile(r"[0-9.]*")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.ip_network("::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class WebhookUndelivered(Transient):
    """The host is away, or answered that it is busy."""


class WebhookRefused(Rejected):
    """The address may not be posted to, or the host will not have it."""


class Webhooks:
    """Posts what it is given, signed."""

    def __init__(self, settings: Settings) -> None:
        self._key = settings.reports_webhook_key.get_secret_value().encode()
        named = settings.reports_webhook_hosts.split(",")
        self._inside = frozenset(host.strip().lower() for host in named if host.strip())

    def check(self, url: str) -> None:
        """Pass an address that may be posted to, as far as its text tells.

        Raises:
            WebhookRefused: it may not; the message says why.
        """
        if not self._key:
            message = "OPENRIDE_REPORTS_WEBHOOK_KEY is not set here: reports have no webhooks"
            raise WebhookRefused(message)
        scheme, host = _parts(url)
        if scheme != "https" and not (host in self._inside and _here(host)):
            message = "must be an https address"
            raise WebhookRefused(message)
        literal = _literal(host)
        if literal is None and _NUMBERS.fullmatch(host):
            message = "must have a name, or all four numbers of an address"
            raise WebhookRefused(message)
        if literal is not None and not _is_outside(literal) and host not in self._inside:
            message = "must not be a private address (OPENRIDE_REPORTS_WEBHOOK_HOSTS names those that may be)"
            raise WebhookRefused(message)

    async def post(self, url: str, body: bytes, key: str) -> None:
        """Return when the host has taken it. `key` is the same for the same report, however often it comes.

        Raises:
            WebhookUndelivered: not now.
            WebhookRefused: never.
        """
        self.check(url)
        told_s = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "User-Agent": "openride-stream",
            SIGNATURE: f"t={told_s},v1={signature(self._key, told_s, body)}",
        }
        connector = aiohttp.TCPConnector(resolver=_Outside(self._inside), force_close=True)
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session,
                session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            message = f"the webhook at {_origin(url)}: {type(error).__name__}"
            raise WebhookUndelivered(message) from error
        if status in _OK:
            return
        message = f"the webhook at {_origin(url)} answered {status}"
        raise (WebhookUndelivered if status in _AGAIN else WebhookRefused)(message)


def signature(key: bytes, told_s: int, body: bytes) -> str:
    """The HMAC-SHA256, as hex, of the time (seconds since the epoch), a dot and the body."""
    return hmac.new(key, f"{told_s}.".encode() + body, hashlib.sha256).hexdigest()


def body_of(
    run: Execution,
    schedule: Schedule,
    sections: Sequence[Section] = (),
    filename: str | None = None,
    *,
    size_bytes: int = 0,
    link: str | None = None,
    error: str | None = None,
) -> bytes:
    """The JSON object of a report: what ran, its figures, and where its file is (for who has a token).

    Of one that has failed: why.
    """
    return orjson.dumps(
        {
            "execution_id": run.execution_id,
            "schedule_id": schedule.schedule_id,
            "report_name": schedule.report_name,
            "report_type": schedule.report_type,
            "trigger": run.trigger,
            "due_at": rfc3339(round(run.due_at.timestamp() * 1000)),
            "range_start": rfc3339(round(run.range_start.timestamp() * 1000)),
            "range_end": rfc3339(round(run.range_end.timestamp() * 1000)),
            "status": "failed" if error else "completed",
            "error": error,
            "filename": filename,
            "size_bytes": size_bytes,
            "download": link,
            "sections": [_figures(section) for section in sections],
        }
    )


def _figures(section: Section) -> dict[str, Any]:
    block = section.blocks[0]
    figures = [
        {"figure": name, "title": title, "value": value, "period_before": before, "change_percent": changed}
        for name, (title, value, before, changed, *_) in zip(block.names, block.rows, strict=True)
    ]
    return {"section": section.title, "asked": section.asked, "figures": figures}


class _Outside(AbstractResolver):
    """Looks names up, and gives no private address of a host that is not named by the setting."""

    def __init__(self, inside: frozenset[str]) -> None:
        self._inside = inside
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if host.lower() in self._inside:
            return found
        outside = [one for one in found if (at := _literal(one["host"])) is not None and _is_outside(at)]
        if len(outside) < len(found):
            message = (
                f"{host} leads to a private address (OPENRIDE_REPORTS_WEBHOOK_HOSTS names those that may be)"
            )
            raise WebhookRefused(message)
        return outside

    async def close(self) -> None:
        await self._resolver.close()


def _parts(url: str) -> tuple[str, str]:
    """Scheme and host as the client takes them, which makes ASCII of digits and dots of other scripts."""
    try:
        parts = URL(url)
        return parts.scheme, (parts.raw_host or "").lower()
    except ValueError as error:
        message = "must be an https address"
        raise WebhookRefused(message) from error


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _is_outside(address: Address) -> bool:
    """Whether it is public, and so is the address of IPv4 that it may stand for."""
    if isinstance(address, ipaddress.IPv6Address):
        within = address.ipv4_mapped or address.sixtofour
        if address in _NAT64 or address in _COMPATIBLE:
            within = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if within is not None:
            return _is_outside(within)
    return address.is_global and not address.is_multicast


def _here(host: str) -> bool:
    literal = _literal(host)
    return host == "localhost" or (literal is not None and literal.is_loopback)


def _origin(url: str) -> str:
    # What comes after may hold a secret.
    return str(URL(url).origin())
