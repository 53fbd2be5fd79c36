"""Personal values give way to keyed pseudonyms before anything is stored, shown or logged.

A pseudonym is the lower-case hex HMAC-SHA256, under the secret key, of the field's name, a NUL and the
value's normal form. The same person thus has the same pseudonym in every event, and two fields never
share one. Normal form of a string: Unicode NFC, without white space at either end; of `email` and
`ip_address` besides, lower case. Any other value (an object, a list, a number) counts as its compact JSON
text and is replaced whole. `null` holds nothing and stays.
"""

import hashlib
import unicodedata
from functools import lru_cache
from typing import Any, Final

from openride_stream.events import documents
from openride_stream.events.rejects import Rejection
from openride_stream.events.types_common import PERSONAL_NAMES

_PERSONAL: Final = frozenset(PERSONAL_NAMES)
_BLOCK_BYTES: Final = 64
_CASELESS: Final = frozenset({"email", "ip_address"})


@lru_cache(maxsize=4)
def _pads(key: bytes) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """HMAC's two hashes with the key taken in (RFC 2104): the standard library takes it in anew."""
    padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key).ljust(_BLOCK_BYTES, b"\0")
    inner, outer = (bytes(byte ^ mask for byte in padded) for mask in (0x36, 0x5C))
    return hashlib.sha256(inner), hashlib.sha256(outer)


def pseudonym(name: str, value: Any, key: bytes) -> str:
    """What stands for `value` of the personal field `name`: 64 hex digits."""
    if isinstance(value, str):
        text = unicodedata.normalize("NFC", value).strip()
        text = text.lower() if name in _CASELESS else text
    else:
        text = documents.dumps(value)
    inner, outer = (pad.copy() for pad in _pads(key))
    inner.update(f"{name}\0{text}".encode())
    outer.update(inner.digest())
    return outer.hexdigest()


def mask(document: Any, key: bytes) -> bool:
    """Replace, in place, every personal value anywhere in a parsed document.

    Returns:
        Whether there was one.
    """
    found = False
    waiting = [document]
    while waiting:  # no recursion: the depth of a document is its producer's choice
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(item for item in node if isinstance(item, dict | list))
        elif isinstance(node, dict):
            for name, value in node.items():
                if name in _PERSONAL and value is not None:
                    node[name] = pseudonym(name, value, key)
                    found = True
                elif isinstance(value, dict | list):
                    waiting.append(value)
    return found


def hides_personal_values(text: str) -> bool:
    """Whether a document's text may hold a personal value that the document lacks, since a later one took
    its place.
    """
    names, repeated = documents.names_of(text)
    return repeated and not names.isdisjoint(_PERSONAL)


def masked_text(value: bytes, key: bytes) -> str | None:
    """A record's value as compact JSON text without personal values; None when it is not a JSON object.

    This is how a dead letter may be shown.
    """
    try:
        document = documents.loads(value.decode())
        if not isinstance(document, dict):
            return None
        mask(document, key)
        return documents.dumps(document)
    except (Rejection, ValueError, TypeError):  # not JSON; or text that UTF-8 cannot hold
        return None
