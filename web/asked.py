"""Who asked what: one line of the log for each request of somebody with a token, or of somebody without."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from time import perf_counter
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from web.endpoint import Endpoint
from web.tokens import Caller

logger = logging.getLogger(__name__)

_LONGEST_VALUE: Final = 200


@dataclass(slots=True)
class Asked:
    """What a request asks for, and who does, once it is known."""

    endpoint: Endpoint
    caller: Caller | None = None


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
            _log(request, asked, status, round((perf_counter() - started_s) * 1000, 1))


def _log(request: web.Request, asked: Asked, status: int | None, duration_ms: float) -> None:
    caller = asked.caller
    logger.info(
        "Asked",
        extra={
            "caller": caller.name if caller else None,
            # A name that is an e-mail address is masked in logs: this tells it from the others.
            "caller_id": blake2b(caller.key.encode(), digest_size=8).hexdigest() if caller else None,
            "role": caller.role if caller else None,
            "method": request.method,
            "route": asked.endpoint.path,
            "parameters": _parameters(request, asked.endpoint),
            "status": status,
            "duration_ms": duration_ms,
        },
    )


def _parameters(request: web.Request, endpoint: Endpoint) -> Mapping[str, str]:
    # Declared ones only: a token that somebody put into the URL is not kept.
    given = {**request.query, **request.match_info}
    return {
        name: value[:_LONGEST_VALUE] for name, value in given.items() if name in endpoint.request.model_fields
    }
