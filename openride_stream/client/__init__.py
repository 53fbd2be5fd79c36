"""A thin typed client of the HTTP API, plain and for asyncio; `docs/client.md` shows it.

It imports httpx, pydantic and `openride_stream.api`, and nothing of the server.
"""

from openride_stream.client.aio import AsyncOpenRide
from openride_stream.client.errors import (
    ApiError,
    ClientError,
    Fault,
    Forbidden,
    InvalidParameter,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from openride_stream.client.sync import OpenRide

__all__ = [
    "ApiError",
    "AsyncOpenRide",
    "ClientError",
    "Fault",
    "Forbidden",
    "InvalidParameter",
    "NotFound",
    "OpenRide",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
]
