"""Bearer tokens: random texts of which only the SHA-256 is kept, each with a name and a role.

A token has 256 random bits, so that its plain SHA-256 tells nothing; a text that a person thought up
has no place here, and a short one is refused.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal, get_args

from openride_stream.errors import ConfigurationError
from web.endpoint import Role

# Each role may do what the ones before it may.
ROLES: Final[tuple[Role, ...]] = get_args(Role)
PREFIX: Final = "or_"
SHORTEST: Final = 32

_RANDOM_BYTES: Final = 32
_ENTRY: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._@-]{0,63}):(\w+):([0-9a-fA-F]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the name that the token was given to, and what it may do.

    A name is one of its `kind` only: of this machine, of OPENRIDE_API_TOKENS, or of the issuer of JSON Web
    Tokens (its subject). `until_s` is when the token expires (since the epoch), None when it does not.
    """

    name: str
    role: Role
    kind: Literal["local", "token", "jwt"] = "token"
    until_s: float | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        """What tells this caller from every other."""
        return f"{self.kind}:{self.name}"

    def has_expired(self, now_ms: int) -> bool:
        """Whether its token counts no more at `now_ms` (since the epoch)."""
        return self.until_s is not None and now_ms // 1000 > self.until_s

    def may(self, needed: Role) -> bool:
        """Whether this caller's role includes `needed`."""
        return ROLES.index(self.role) >= ROLES.index(needed)


@dataclass(frozen=True, slots=True)
class Entry:
    """One token of the setting: its owner and the SHA-256 of its UTF-8 bytes."""

    caller: Caller
    digest: bytes

    def text(self) -> str:
        """As it stands in OPENRIDE_API_TOKENS: `name:role:sha256hex`."""
        return f"{self.caller.name}:{self.caller.role}:{self.digest.hex()}"


def new_token() -> str:
    """A token nobody can guess: the prefix that secret scanners look for and 256 random bits."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def entry_of(name: str, role: str, token: str) -> Entry:
    """The entry to configure for `token`.

    Raises:
        ConfigurationError: the name, the role or the token cannot be used; the token is not repeated.
    """
    if len(token) < SHORTEST:
        message = f"a token has at least {SHORTEST} characters; `openride token new` makes one"
        raise ConfigurationError(message)
    return _entry(f"{name}:{role}:{_digest(token).hex()}", f"the token of {name!r}")


@lru_cache(maxsize=8)
def parse_tokens(text: str) -> tuple[Entry, ...]:
    """The entries of OPENRIDE_API_TOKENS; none for an empty text.

    Raises:
        ConfigurationError: an entry cannot be read, or two share a name or a token. The message says which
            one by its place: what was mistaken for a hash may be a token.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    entries = tuple(_entry(part, f"entry {place}") for place, part in enumerate(parts, start=1))
    for what, keys in (
        ("name", [entry.caller.name for entry in entries]),
        ("token", [entry.digest for entry in entries]),
    ):
        if len(set(keys)) < len(keys):
            message = f"OPENRIDE_API_TOKENS: two entries have the same {what}"
            raise ConfigurationError(message)
    return entries


def caller_of(token: str, entries: Sequence[Entry]) -> Caller | None:
    """Who `token` was given to; None for nobody's. Takes the same time for every wrong token."""
    digest = _digest(token)
    found = None
    for entry in entries:
        if hmac.compare_digest(entry.digest, digest):
            found = entry.caller
    return found


def _digest(token: str) -> bytes:
    # Header bytes that are no UTF-8 come as surrogates; they are somebody's wrong token, not our error.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _entry(text: str, where: str) -> Entry:
    match = _ENTRY.fullmatch(text)
    role = next((known for known in ROLES if match and known == match[2]), None)
    if match is None or role is None:
        message = (
            f"OPENRIDE_API_TOKENS: {where} is not name:role:sha256hex with a role of {', '.join(ROLES)} and "
            "a name of letters, digits and . _ @ - (at most 64)"
        )
        raise ConfigurationError(message)
    return Entry(Caller(match[1], role), bytes.fromhex(match[3]))
