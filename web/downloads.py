"""Files that are kept, as answers: from a folder, out of a bucket, or by a redirect to it."""

from collections.abc import Mapping
from datetime import UTC
from email.utils import format_datetime
from typing import Final

from aiohttp import hdrs, web

from openride_stream.exports.files import Kept, Named, attachment
from openride_stream.settings import Settings
from openride_stream.storage.stored import Stored
from web.endpoint import Reply
from web.problems import Problem
from web.streams import send

OTHERS: Final = {
    206: "A part of it (`Range`).",
    304: "The client has it (`If-None-Match`, `If-Modified-Since`).",
    307: "It is in a bucket: `Location` has it for some seconds (`OPENRIDE_S3_LINK_S`).",
}
"""For `Endpoint.others` of a download."""
REFUSALS: Final = {
    412: "It is not the file that `If-Match` or `If-Unmodified-Since` asks for.",
    416: "The file has no such part; `Content-Range` says how long it is.",
}
"""For `Endpoint.refusals` of a download."""


async def download(found: Kept | None, named: Named, settings: Settings, missing: str) -> Reply:
    """The answer that is a file.

    Raises:
        Problem: 404, `missing`, when it is not there.
    """
    if found is None:
        raise Problem(404, missing)
    headers = {"Content-Disposition": attachment(named.filename)}
    if settings.s3_link_s:
        link = await found.place.link(found.stored.name, settings.s3_link_s)
        if link is not None:
            return Reply(None, 307, headers={"Location": link})
    return Reply(found, content_type=named.content_type, headers=headers)


async def send_kept(kept: Kept, reply: Reply, request: web.Request) -> web.StreamResponse:
    """Send a file, or the part of it that was asked for.

    A place that is away in the middle ends the connection: what came is no whole answer.

    Raises:
        Problem: 412 when the client wants another file, 416 when it has no such part.
    """
    stored = kept.stored
    tags: dict[str, str] = {hdrs.ETAG: f'"{_etag(stored)}"', hdrs.LAST_MODIFIED: _last_modified(stored)}
    headers = {"Cache-Control": "no-store", hdrs.ACCEPT_RANGES: "bytes", **tags, **reply.headers}
    if _wants_another(request, stored):
        detail = "the file is not the one that If-Match or If-Unmodified-Since asks for"
        raise Problem(412, detail, headers=tags)
    if _is_known(request, stored):
        return web.Response(status=304, headers=headers)
    start, end = _part(request, stored, tags)
    whole = end - start == stored.size_bytes
    if not whole:
        headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{end - 1}/{stored.size_bytes}"
    headers |= {hdrs.CONTENT_TYPE: reply.content_type, hdrs.CONTENT_LENGTH: str(end - start)}
    status = 200 if whole else 206
    if request.method == hdrs.METH_HEAD:
        return web.Response(status=status, headers=headers)
    return await send(kept.place.read(stored, start, end), status, headers, request)


def _etag(stored: Stored) -> str:
    return stored.etag.strip('"')


def _last_modified(stored: Stored) -> str:
    return format_datetime(stored.changed_at.astimezone(UTC), usegmt=True)


def _wants_another(request: web.Request, stored: Stored) -> bool:
    if (wanted := request.if_match) is not None:
        return not any(tag.value in (_etag(stored), "*") and not tag.is_weak for tag in wanted)
    since = request.if_unmodified_since
    # HTTP knows no parts of a second.
    return since is not None and stored.changed_at.replace(microsecond=0) > since


def _is_known(request: web.Request, stored: Stored) -> bool:
    if (known := request.if_none_match) is not None:
        return any(tag.value in (_etag(stored), "*") for tag in known)
    since = request.if_modified_since
    return since is not None and stored.changed_at.replace(microsecond=0) <= since


def _part(request: web.Request, stored: Stored, tags: Mapping[str, str]) -> tuple[int, int]:
    """[start, end) of what is asked for: all of it where the client has parts of another file.

    Raises:
        Problem: 416 when the file has no such part.
    """
    whole = (0, stored.size_bytes)
    if request.headers.get(hdrs.IF_RANGE, tags[hdrs.ETAG]) not in tags.values():
        return whole
    try:
        asked = request.http_range
    except ValueError:
        return whole  # what is no range of bytes, or several of them
    if asked.start is None and asked.stop is None:
        return whole
    start, end, _ = asked.indices(stored.size_bytes)
    if start >= end:
        detail = f"the file has no such part (Range): it has {stored.size_bytes} bytes"
        raise Problem(416, detail, headers={hdrs.CONTENT_RANGE: f"bytes */{stored.size_bytes}"})
    return start, end
