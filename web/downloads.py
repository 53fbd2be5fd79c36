"""Files that are kept, as answers: from a folder, out of a bucket, or by a redirect to it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from aiohttp import web

from openride_stream.errors import OpenRideError
from openride_stream.exports.files import Kept, Named, attachment
from openride_stream.settings import Settings
from web.endpoint import Reply
from web.problems import Problem

OTHERS: Final = {
    206: "A part of it (`Range`).",
    304: "The client has it (`If-None-Match`, `If-Modified-Since`).",
    307: "It is in a bucket: `Location` has it for some seconds (`OPENRIDE_S3_LINK_S`).",
    416: "The file has no such part.",
}
"""For `Endpoint.others` of a download."""


async def download(found: Path | Kept | None, named: Named, settings: Settings, missing: str) -> Reply:
    """The answer that is a file.

    Raises:
        Problem: 404, `missing`, when it is not there.
    """
    if found is None:
        raise Problem(404, missing)
    headers = {"Content-Disposition": attachment(named.filename)}
    if isinstance(found, Kept) and settings.s3_link_s:
        link = await found.place.link(found.stored.name, settings.s3_link_s)
        if link is not None:
            return Reply(None, 307, headers={"Location": link})
    return Reply(found, content_type=named.content_type, headers=headers)


async def send_kept(kept: Kept, reply: Reply, request: web.Request) -> web.StreamResponse:
    """Send a file out of a bucket, or the part of it that was asked for.

    A bucket that is away in the middle ends the connection: what came is no whole answer.
    """
    stored = kept.stored
    etag = stored.etag.strip('"')
    headers = {"Cache-Control": "no-store", "Accept-Ranges": "bytes", "ETag": f'"{etag}"', **reply.headers}
    if any(tag.value in (etag, "*") for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    part = _part(request, stored.size_bytes)
    if part is None:
        told = {**headers, "Content-Range": f"bytes */{stored.size_bytes}"}
        return web.Response(status=416, headers=told)
    start, end = part
    chunks = kept.place.read(stored, start, end)
    # What fails before the first bytes has its own status.
    first = await anext(chunks, b"")
    whole = end - start == stored.size_bytes
    if not whole:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{stored.size_bytes}"
    headers |= {"Content-Type": reply.content_type, "Content-Length": str(end - start)}
    response = web.StreamResponse(status=200 if whole else 206, headers=headers)
    await response.prepare(request)
    try:
        await _write(response, first, chunks)
    except OpenRideError:
        if request.transport is not None:
            request.transport.close()
    return response


async def _write(response: web.StreamResponse, first: bytes, chunks: AsyncIterator[bytes]) -> None:
    await response.write(first)
    async for chunk in chunks:
        await response.write(chunk)
    await response.write_eof()


def _part(request: web.Request, size_bytes: int) -> tuple[int, int] | None:
    """[start, end) of what is asked for; None where the file has no such part."""
    try:
        asked = request.http_range
    except ValueError:
        return 0, size_bytes  # what is no range of bytes asks for all
    start, end, _ = asked.indices(size_bytes)
    if asked.start is None and asked.stop is None:
        return 0, size_bytes
    return (start, end) if start < end else None
