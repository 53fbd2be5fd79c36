"""JSON text without escapes: cheap to look into without parsing it.

Where no backslash stands, every quotation mark opens or closes a string. That is enough to prove that a text
can be joined with others (`joining.py`), to put another string in the place of a personal one, and to cut
out a nested object, without changing anything else. What is not as simple as it usually is gets None, and
is parsed.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from openride_stream.events.masking import pseudonym
from openride_stream.events.types_common import PERSONAL_NAMES

_SKELETON_BYTES: Final = 4096
_NOT_SKELETON: Final = bytes(set(range(256)) - set(b'{}[]"'))
_PERSONAL: Final = tuple((name, f'"{name}"') for name in PERSONAL_NAMES)


def is_closed(value: bytes) -> bool:
    """Whether the text is one bracketed group from its first byte on, with every string closed in it.

    It may still be no JSON, and anything but brackets and strings may follow the group. Of very many brackets
    and strings it is not asked.
    """
    if b"\\" in value or not value.startswith(b"{"):
        return False
    skeleton = value.translate(None, _NOT_SKELETON)
    return len(skeleton) <= _SKELETON_BYTES and _is_one_group(skeleton)


@lru_cache(maxsize=4096)
def _is_one_group(skeleton: bytes) -> bool:
    """Of brackets and quotation marks: whether every string ends, and with the last one the first bracket."""
    parts = skeleton.split(b'"')
    depths = list(_depths(b"".join(parts[::2])))
    return len(parts) % 2 == 1 and bool(depths) and depths[-1] == 0 and min(depths[:-1], default=0) > 0


def _depths(brackets: bytes) -> Iterator[int]:
    """The depth after each bracket."""
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"{[" else -1
        yield depth


def with_pseudonyms(text: str, key: bytes) -> tuple[str, dict[str, str]] | None:
    """A JSON document's text with a pseudonym for each personal string, and the pseudonyms by field.

    None when there are escapes, when a personal value is no string, or a field's name occurs twice.
    """
    if "\\" in text:
        return None
    found: dict[str, str] = {}
    for name, quoted in _PERSONAL:
        at = text.find(quoted)
        if at < 0:
            continue
        opening = text.find('"', at + len(quoted))
        closing = text.find('"', opening + 1)
        if text[at + len(quoted) : opening].strip() != ":" or text.find(quoted, closing) >= 0:
            return None
        found[name] = pseudonym(name, text[opening + 1 : closing], key)
        text = f"{text[: opening + 1]}{found[name]}{text[closing:]}"
    return text, found


def object_text(text: str, name: str) -> str | None:
    """The text of the object that is the value of the top-level field `name`, which the document has.

    None when the name occurs more than once, or the object is not plain.
    """
    quoted = f'"{name}"'
    at = text.find(quoted)
    opening = text.find("{", at)
    end = text.find("}", opening) + 1
    inside = text[opening + 1 : end]
    # An odd number of quotation marks: the bracket that was found stands in a string.
    nested = "{" in inside or "[" in inside or inside.count('"') % 2
    if nested or text[at + len(quoted) : opening].strip() != ":" or text.find(quoted, end) >= 0:
        return None
    return text[opening:end]
