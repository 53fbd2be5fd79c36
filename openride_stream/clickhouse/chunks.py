"""Raw rows, read with the client's own connections."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp

from openride_stream.clickhouse.failures import query_failure, unanswered
from openride_stream.clickhouse.raw import CHUNK_BYTES, ERROR_BYTES, OK, RawQuery


async def chunks_of(session: aiohttp.ClientSession, query: RawQuery) -> AsyncIterator[bytes]:
    """The bytes of the rows. Leaving before the end ends the query.

    Raises:
        StoreLimit: the query reached one of its limits.
        StoreRefused: the store refuses the query for good.
        StoreUnavailable: it does not answer, or not in time.
    """
    try:
        async with (
            asyncio.timeout(query.timeout_s + 1),
            session.post(
                query.url,
                params=query.parameters,
                data=query.statement.encode(),
                headers=query.headers,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as answer,
        ):
            if answer.status != OK:
                raise query_failure((await answer.content.read(ERROR_BYTES)).decode(errors="replace"))
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                yield chunk
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise unanswered(error) from error
