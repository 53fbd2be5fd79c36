"""Readiness of the stack's servers, as their clients would see it."""

import asyncio
from typing import Final

import aiohttp

from openride_stream.embedded.broker import broker_answers
from openride_stream.embedded.keeper import Probe

_HTTP_TIMEOUT_S: Final = 2.0


def http_ok(url: str) -> Probe:
    """A probe that is true when a GET of `url` answers 200."""

    async def probe() -> bool:
        timeout = aiohttp.ClientTimeout(total=_HTTP_TIMEOUT_S)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    return probe


def broker_ready(port: int) -> Probe:
    """A probe that is true when a broker on the loopback `port` answers."""

    async def probe() -> bool:
        return await asyncio.to_thread(broker_answers, port)

    return probe
