"""The public keys of whoever issues tokens: a JWKS at a URL or in a file, kept and read again."""

import asyncio
import logging
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from openride_stream.clock import Clock
from openride_stream.errors import Transient
from web.problems import unavailable

logger = logging.getLogger(__name__)

Key = RSAKey | ECKey
Keys = Mapping[tuple[str | None, str], Key]
"""By key id and algorithm."""

_TIMEOUT_S: Final = 5.0
_MAX_BYTES: Final = 256 * 1024
# A key that the issuer withdraws is good for this much longer.
_FRESH_S: Final = 600.0
# Anybody can make up key ids: the issuer is asked no more often than this for their sake.
_PAUSE_S: Final = 10.0
_MIN_RSA_BITS: Final = 2048


class KeysUnavailable(Transient):
    """The JWKS cannot be read."""


class PublicKeys:
    """The keys of one JWKS. A JWKS that is away costs nothing as long as a token's key is known."""

    def __init__(self, where: str, clock: Clock) -> None:
        self._where = where
        self._clock = clock
        self._keys: Keys = {}
        self._asked_s = float("-inf")
        self._failed = False
        self._reading: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> Key | None:
        """The key; None when the issuer has no such one.

        Raises:
            Problem: 503 when it is not known and the JWKS cannot be had.
        """
        key = self._known(key_id, algorithm)
        if key is not None:
            if self._clock.monotonic_s() - self._asked_s >= _FRESH_S:
                self._read_again()  # nobody waits for it
            return key
        if (reading := self._read_again()) is not None:
            # Shielded: others wait for the same answer.
            await asyncio.shield(reading)
        key = self._known(key_id, algorithm)
        if key is None and self._failed:
            detail = "the keys of the tokens' issuer cannot be had, and this one's is not known"
            raise unavailable(detail)
        return key

    def _known(self, key_id: str | None, algorithm: str) -> Key | None:
        if key_id is not None:
            return self._keys.get((key_id, algorithm))
        fitting = [key for (_, good_for), key in self._keys.items() if good_for == algorithm]
        return fitting[0] if len(fitting) == 1 else None

    def _read_again(self) -> "asyncio.Task[None] | None":
        if self._reading is None or self._reading.done():
            now_s = self._clock.monotonic_s()
            if now_s - self._asked_s < _PAUSE_S:
                return None
            self._asked_s = now_s
            self._reading = asyncio.create_task(self._read())
        return self._reading

    async def _read(self) -> None:
        try:
            self._keys = await read_jwks(self._where)
            self._failed = False
        except KeysUnavailable as error:
            self._failed = True
            logger.warning(
                "The JWKS could not be read: tokens are checked with the keys that are known",
                extra={"setting": "OPENRIDE_API_JWT_JWKS", "keys": len(self._keys), "reason": str(error)},
            )


async def read_jwks(where: str) -> Keys:
    """The keys at a URL or in a file.

    Raises:
        KeysUnavailable: they cannot be had now, or what is there is no JWKS.
    """
    try:
        body = await (_fetch(where) if is_url(where) else asyncio.to_thread(Path(where).read_bytes))
        return parse_jwks(body)
    except (ClientError, OSError, ValueError) as error:
        message = f"{where}: {error or type(error).__name__}"
        raise KeysUnavailable(message) from None


async def _fetch(url: str) -> bytes:
    body = b""
    async with (
        ClientSession(timeout=ClientTimeout(total=_TIMEOUT_S)) as session,
        # A redirect could lead from https to where anybody may answer.
        session.get(url, allow_redirects=False) as response,
    ):
        if response.status != HTTPStatus.OK:
            message = f"answered {response.status}"
            raise ValueError(message)
        async for chunk in response.content.iter_chunked(_MAX_BYTES):
            body += chunk
            if len(body) > _MAX_BYTES:
                message = f"longer than {_MAX_BYTES} bytes"
                raise ValueError(message)
    return body


def is_url(where: str) -> bool:
    """Whether the JWKS is at a URL, and not in a file."""
    return where.lower().startswith(("http://", "https://"))


def parse_jwks(body: bytes) -> Keys:
    """The keys of a JWKS that check RS256 or ES256 signatures; those for something else are left out.

    A symmetric key in it is left out as well: what is published is no secret.

    Raises:
        ValueError: it is no JWKS, or no key is left.
    """
    document = orjson.loads(body)
    listed = document.get("keys") if isinstance(document, dict) else None
    keys: dict[tuple[str | None, str], Key] = {}
    for entry in listed if isinstance(listed, list) else ():
        found = _key(entry) if isinstance(entry, dict) else None
        if found is not None:
            key_id = entry.get("kid")
            keys.setdefault((key_id if isinstance(key_id, str) else None, found[0]), found[1])
    if not keys:
        message = "no key for RS256 or ES256 in it"
        raise ValueError(message)
    return keys


def _key(entry: dict[str, object]) -> tuple[str, Key] | None:
    kind = (entry.get("kty"), entry.get("crv"))
    algorithm = "RS256" if kind[0] == "RSA" else "ES256" if kind == ("EC", "P-256") else None
    if algorithm is None or entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) != algorithm:
        return None
    try:
        if algorithm == "ES256":
            return algorithm, ECKey.import_key(entry)  # type: ignore[arg-type]
        key = RSAKey.import_key(entry)  # type: ignore[arg-type]
        return (algorithm, key) if key.public_key.key_size >= _MIN_RSA_BITS else None
    except (JoseError, ValueError, TypeError) as error:
        logger.warning("A key of the JWKS cannot be used", extra={"reason": repr(error)})
        return None
