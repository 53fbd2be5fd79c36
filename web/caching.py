"""Answers kept under what they hang on, so that a cached one is never stale."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple
from hashlib import blake2b
from typing import Any, Final

import orjson

from openride_stream.api.notes import HEADER, Note, as_header
from openride_stream.clickhouse.edition import edition
from openride_stream.clickhouse.queries.question import Question
from openride_stream.settings import Settings
from web.context import Context
from web.endpoint import Endpoint, Reply

PRIVATE: Final = "private, no-cache"
"""A client may keep the answer, for itself, and asks each time whether it is still so."""
_OPEN_TTL_S: Final = 15.0

Query = Callable[..., Awaitable[dict[str, Any]]]
"""Takes the reader, the question, and what else is asked."""


async def answered(
    context: Context,
    question: Question,
    query: Query,
    *more: str | int,
    sources: tuple[str, ...],
    since_ms: int,
    whole: tuple[str, ...],
    until_ms: int | None = None,
    notes: Sequence[Note] = (),
) -> Reply:
    """The answer of `query` to the question and `more`, from the cache when nothing new has been stored.

    It hangs on the events of `sources` in [since_ms, until_ms), which ends with the question unless it is
    given, and on all of `whole`. The version is read before the query: an event that arrives between the two
    makes the next version, never a stale answer. `X-Cache` says `hit` or `miss`; a client that has the same
    figures is told so (`ETag`). `notes` and those of every question go beside it.
    """
    runtime = context.runtime
    # The store is looked at for a cached answer as well: with the store away nobody knows what is new.
    last_ms = question.end_ms if until_ms is None else until_ms
    seen = await runtime.reader.version(sources, since_ms, last_ms, whole)
    computed = False

    async def compute() -> bytes:
        nonlocal computed
        computed = True
        return orjson.dumps(await query(runtime.reader, question, *more))

    name = f"{query.__module__}.{query.__name__}"
    key = _key(name, runtime.reader.database, astuple(question), more, seen)
    body = await runtime.cache.get_or_compute(key, _ttl_s(context, question), compute)
    headers = {"X-Cache": "miss" if computed else "hit", "Cache-Control": PRIVATE}
    told = [*notes, *await context.notes.of(context, question)]
    if told:
        headers[HEADER] = as_header(told)
    return Reply(body, headers=headers, etag=blake2b(body, digest_size=16).hexdigest())


def closed_ttl_s(endpoint: Endpoint, settings: Settings) -> float:
    """How long an answer of `endpoint` about the past may be kept, in seconds."""
    analytics = endpoint.path.startswith("/v1/analytics/")
    return settings.cache_ttl_analytics_s if analytics else settings.cache_ttl_s


def _ttl_s(context: Context, question: Question) -> float:
    # An answer about now is asked for under the next version, or the next minute, as soon as events come.
    is_open = question.end_ms > context.clock.now_ms()
    return min(context.closed_ttl_s, _OPEN_TTL_S) if is_open else context.closed_ttl_s


def _key(name: str, *parts: object) -> str:
    # A newer program may compute the same figure otherwise: its answers are its own.
    told = repr((edition(), name, *parts))
    return f"{name}:{blake2b(told.encode(), digest_size=16).hexdigest()}"
