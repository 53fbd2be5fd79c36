"""Files in a bucket, by obstore: which signs, retries, and uploads large files in parts."""

import re
from collections.abc import AsyncIterator, Awaitable, Collection
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from openride_stream.errors import OpenRideError
from openride_stream.settings import Settings
from openride_stream.storage.stored import StorageRefused, StorageUnavailable, Stored

T = TypeVar("T")

_PART_BYTES: Final = 8 * 1024 * 1024
_PARTS_AT_ONCE: Final = 3
_KEYS: Final = "OPENRIDE_S3_ACCESS_KEY_ID and OPENRIDE_S3_SECRET_ACCESS_KEY"
_CODE: Final = re.compile(r"<Code>(\w+)</Code>")
_NO_ACCESS: Final = "403 Forbidden"
_TIMED_OUT: Final = "kind: Timeout"


class Bucket:
    """A place in a bucket, below the prefix of `OPENRIDE_FILES_URL` and `under`; see `Place`.

    A file is there when its upload has ended: what broke off shows nowhere but in the server's own list of
    unfinished uploads.
    """

    def __init__(self, settings: Settings, under: str) -> None:
        url = urlsplit(settings.files_url)
        self._bucket = url.netloc
        self._prefix = "/".join(part for part in (url.path.strip("/"), under.strip("/")) if part)
        self._endpoint = settings.s3_endpoint.rstrip("/")
        self._region = settings.s3_region
        self._timeout_s = settings.s3_timeout_s
        self._store = S3Store(self._bucket, prefix=self._prefix or None, **_options(settings))

    @property
    def told(self) -> str:
        """Where it is."""
        at = f" at {self._endpoint}" if self._endpoint else ""
        return f"s3://{self._bucket}/{self._prefix}{at}"

    def in_sql(self, pattern: str) -> str:
        """See `Place.in_sql`; KEY and SECRET stand for those of who asks."""
        path = "/".join(part for part in (self._prefix, pattern) if part)
        if self._endpoint:
            address = f"{self._endpoint}/{self._bucket}/{path}"
        else:
            address = f"https://{self._bucket}.s3.{self._region}.amazonaws.com/{path}"
        return f"s3('{address}', 'KEY', 'SECRET', 'Parquet')"

    async def put(self, path: Path, name: str, *, content_type: str = "", disposition: str = "") -> None:
        """See `Place.put`."""
        told = {"Content-Type": content_type, "Content-Disposition": disposition}
        attributes: Any = {key: value for key, value in told.items() if value}
        # In one request when it is small; each part is sent again by itself when it fails.
        await self._answered(
            obstore.put_async(
                self._store,
                name,
                path,
                attributes=attributes or None,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )
        )

    async def find(self, name: str) -> Stored | None:
        """See `Place.find`."""
        try:
            return _stored(await self._answered(obstore.head_async(self._store, name)))
        except FileNotFoundError:
            return None

    async def read(self, stored: Stored, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `Place.read`."""
        until = stored.size_bytes if end is None else end
        # In pieces, so that each has its own time: one request for all of it would have to fit a time-out.
        for first in range(start, until, _PART_BYTES):
            options: Any = {"range": (first, min(first + _PART_BYTES, until))}
            if stored.etag:
                # Another file that has taken its place meanwhile is no continuation.
                options["if_match"] = stored.etag
            try:
                piece = await self._answered(self._piece(stored.name, options))
            except FileNotFoundError as error:
                message = f"{self.told}: {stored.name} has gone"
                raise StorageUnavailable(message) from error
            yield piece

    async def _piece(self, name: str, options: Any) -> bytes:
        found = await obstore.get_async(self._store, name, options=options)
        return bytes(await found.bytes_async())

    async def names(self, under: str = "") -> list[Stored]:
        """See `Place.names`."""
        found: list[Stored] = []
        try:
            async for several in obstore.list(self._store, prefix=under or None):
                found += [_stored(one) for one in several]
        except (BaseError, FileNotFoundError) as error:
            raise self._error(error) from error
        return sorted(found, key=lambda stored: stored.name)

    async def remove(self, names: Collection[str]) -> None:
        """See `Place.remove`."""
        if names:
            await self._answered(obstore.delete_async(self._store, sorted(names)))

    async def link(self, name: str, for_s: int) -> str:
        """An address by which anybody may read the file for so many seconds."""
        return await self._answered(obstore.sign_async(self._store, "GET", name, timedelta(seconds=for_s)))

    async def _answered(self, asked: Awaitable[T]) -> T:
        try:
            return await asked
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise self._error(error) from error
            raise
        except (BaseError, OSError) as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> OpenRideError:
        text = str(error)
        code = _CODE.search(text)
        if isinstance(error, FileNotFoundError):
            return StorageRefused(f"OPENRIDE_FILES_URL: there is no bucket {self._bucket} at {self._at}")
        refused = isinstance(error, PermissionDeniedError | UnauthenticatedError) or _NO_ACCESS in text
        if refused:
            why = code[1] if code else "403"
            return StorageRefused(f"{_KEYS}: {self._at} refuses them for bucket {self._bucket} ({why})")
        if _TIMED_OUT in text:
            return StorageUnavailable(
                f"{self.told}: no answer within {self._timeout_s:g} s (OPENRIDE_S3_TIMEOUT_S)"
            )
        first = text.splitlines()[0] if text else type(error).__name__
        return StorageUnavailable(f"{self.told}: {first[:300]}")

    @property
    def _at(self) -> str:
        return self._endpoint or "Amazon S3"


def _options(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "region": settings.s3_region,
        "client_options": {
            "allow_http": settings.s3_endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=5),
            "timeout": timedelta(seconds=settings.s3_timeout_s),
        },
        "retry_config": {"max_retries": 3, "retry_timeout": timedelta(seconds=settings.s3_timeout_s)},
    }
    if settings.s3_endpoint:
        options |= {"endpoint": settings.s3_endpoint.rstrip("/"), "virtual_hosted_style_request": False}
    if settings.s3_access_key_id:
        options["access_key_id"] = settings.s3_access_key_id
        options["secret_access_key"] = settings.s3_secret_access_key.get_secret_value()
    return options


def _stored(found: Any) -> Stored:
    return Stored(found["path"], found["size"], found["e_tag"] or "", found["last_modified"])
