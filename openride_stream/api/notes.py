"""What an answer cannot say in its own fields: notes, in a header beside it.

An answer has the fields that its contract names and no others. What a reader would misunderstand without a
word (a city that nobody has heard of, a bucket that is cut) is said in `X-Notes`: a JSON array of objects
`{"kind": …, "detail": …}` in ASCII, and no header where there is nothing to say.
"""

import json
from collections.abc import Sequence
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

HEADER: Final = "X-Notes"

NoteKind = Literal[
    "unknown-place", "unknown-currency", "open-window", "partial-bucket", "records-waiting", "notes-missing"
]

MEANINGS: Final[dict[NoteKind, str]] = {
    "unknown-place": "No event so far has the city or state asked for; what is spelled alike is named.",
    "unknown-currency": "No event so far has an amount in the currency asked for; others are named.",
    "open-window": "Some of those counted still have time: their days are not over.",
    "partial-bucket": "A bucket of a series is cut by the range, or not over.",
    "records-waiting": "Many events are sent and not stored yet: figures will grow.",
    "notes-missing": "Whether place and currency are known could not be looked up; the figures are whole.",
}
"""Every kind, and what it tells."""


class Note(BaseModel):
    """`kind` is for programs, one of `MEANINGS` (a newer server may have more); `detail` is for people."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: str = Field(description=" · ".join(f"`{kind}`" for kind in get_args(NoteKind)))
    detail: str = Field(description="For people.")


# Proxies and clients take some 4 to 8 KiB of headers, and names in a detail may be of any length.
_LONGEST_DETAIL: Final = 600

_NOTES: Final = TypeAdapter(tuple[Note, ...])


def as_header(notes: Sequence[Note]) -> str:
    """The header's value; a header holds ASCII only, and names of places may be anything.

    A detail that would take more than 600 bytes there is cut.
    """
    return json.dumps([{"kind": note.kind, "detail": _cut(note.detail)} for note in notes])


def _cut(detail: str) -> str:
    kept = detail[:_LONGEST_DETAIL]
    while len(json.dumps(kept)) > _LONGEST_DETAIL:
        kept = kept[: len(kept) * 9 // 10]
    return detail if kept == detail else f"{kept}…"


def from_header(text: str | None) -> tuple[Note, ...]:
    """The notes of a header; none where it is missing, or nothing that can be read."""
    try:
        return _NOTES.validate_json(text) if text else ()
    except ValidationError:
        return ()
