"""Answers kept under what they hang on, so that a cached one is never stale."""

from collections.abc import Awaitable, Callable
from dataclasses import astuple
from hashlib import blake2b
from typing import Any

import orjson

from openride_stream import __version__
from openride_stream.clickhouse.days import version
from openride_stream.clickhouse.queries.question import Question
from web.context import Context
from web.endpoint import Reply

Query = Callable[..., Awaitable[dict[str, Any]]]
"""Takes the store, the question, and what else is asked."""


async def answered(
    context: Context,
    question: Question,
    query: Query,
    *more: str | int,
    sources: tuple[str, ...],
    since_ms: int,
    whole: tuple[str, ...],
) -> Reply:
    """The answer of `query` to the question and `more`, from the cache when nothing new has been stored.

    It hangs on the events of `sources` in [since_ms, question.end_ms) and on all of `whole`. The version
    is read before the query: an event that arrives between the two makes the next version, never a stale
    answer. `X-Cache` says `hit` or `miss`.
    """
    runtime = context.runtime
    # The store is asked even for a cached answer: with the store away nobody knows what is new.
    seen = await version(runtime.store, sources, since_ms, question.end_ms, whole)
    computed = False

    async def compute() -> bytes:
        nonlocal computed
        computed = True
        return orjson.dumps(await query(runtime.store, question, *more))

    name = f"{query.__module__}.{query.__name__}"
    key = _key(name, runtime.store.database, astuple(question), more, seen)
    body = await runtime.cache.get_or_compute(key, context.settings.cache_ttl_s, compute)
    return Reply(body, headers={"X-Cache": "miss" if computed else "hit"})


def _key(name: str, *parts: object) -> str:
    # A newer program may compute the same figure otherwise: its answers are its own.
    told = repr((__version__, name, *parts))
    return f"{name}:{blake2b(told.encode(), digest_size=16).hexdigest()}"
