"""Bodies that are sent as they come."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

from aiohttp import hdrs, web

from openride_stream.errors import OpenRideError

logger = logging.getLogger(__name__)


async def send(
    chunks: AsyncIterator[bytes], status: int, headers: Mapping[str, str], request: web.Request
) -> web.StreamResponse:
    """Send `chunks`, or, to a HEAD, what comes before them.

    What makes them is ended with the answer. What fails before the first bytes has its own status; what fails
    later ends the connection: without its end nobody takes an answer for whole.
    """
    try:
        first = await anext(chunks, b"")
        if request.method == hdrs.METH_HEAD:
            return web.Response(status=status, headers=headers)
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(request)
        try:
            await response.write(first)
            async for chunk in chunks:
                await response.write(chunk)
            await response.write_eof()
        except OpenRideError as error:
            logger.warning("Answer broken off", extra={"path": request.path, "error": str(error)})
            if request.transport is not None:
                request.transport.close()
        return response
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
