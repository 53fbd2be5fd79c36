"""JSON text without escapes, split at its quotation marks: cheap to look into without parsing it.

Where no backslash stands, every quotation mark opens or closes a string. Split at them, the parts with odd
index are the strings and the others what stands between: brackets, colons, commas, numbers. That is enough
to prove that a text can be joined with others (`joining.py`), to put another string in the place of a
personal one, and to cut out a nested object, without changing anything else.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from openride_stream.events.masking import PERSONAL, pseudonym

_OTHERS: Final = bytes(set(range(256)) - set(b"{}[]"))
_OPENING: Final = frozenset("{[")
_CLOSING: Final = frozenset("}]")


def is_closed(value: bytes) -> bool:
    """Whether the text is one bracketed group from its first byte on, with every string closed in it.

    It may still be no JSON, and anything but brackets and strings may follow the group.
    """
    if b"\\" in value or not value.startswith(b"{"):
        return False
    parts = value.split(b'"')
    return len(parts) % 2 == 1 and _is_one_group(b"".join(parts[::2]).translate(None, _OTHERS))


@lru_cache(maxsize=4096)
def _is_one_group(brackets: bytes) -> bool:
    """Whether the first bracket is closed by the last one, and no sooner."""
    depths = list(_depths(brackets.decode()))
    return bool(depths) and depths[-1] == 0 and min(depths[:-1], default=0) > 0


def _depths(structure: str) -> Iterator[int]:
    """The depth after each bracket."""
    depth = 0
    for character in structure:
        depth += (character in _OPENING) - (character in _CLOSING)
        yield depth


def split(text: str) -> list[str] | None:
    """The parts of a JSON document's text; None when there are escapes."""
    return None if "\\" in text else text.split('"')


def masked(parts: list[str], key: bytes) -> bool | None:
    """Replace, in place, every personal string.

    Returns:
        Whether there was one; None when a personal value is no string, and `parts` is of no use any more.
    """
    present = PERSONAL.intersection(parts)
    if not present:
        return False
    found = False
    for index in range(1, len(parts) - 1, 2):
        if parts[index] in present and parts[index + 1].lstrip().startswith(":"):
            if parts[index + 1].strip() != ":":
                return None
            parts[index + 2] = pseudonym(parts[index], parts[index + 2], key)
            found = True
    return found


def object_text(parts: Sequence[str], name: str) -> str | None:
    """The text of the object that is the value of the top-level field `name`, which the document has.

    None when the name occurs more than once.
    """
    if parts.count(name) != 1:
        return None
    index = parts.index(name) + 1
    opening = parts[index].partition(":")[2].lstrip()
    pieces, depth = [], 0
    for place in range(index, len(parts)):
        piece = opening if place == index else parts[place]
        if place % 2 == 0:
            for end, character in enumerate(piece, start=1):
                depth += (character in _OPENING) - (character in _CLOSING)
                if not depth:
                    pieces.append(piece[:end])
                    return '"'.join(pieces)
        pieces.append(piece)
    return None
