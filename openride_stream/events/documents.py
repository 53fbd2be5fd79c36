"""JSON text to a Python document and back without changing a number.

Numbers stay the text that was sent (`1.10`, `1e999`, integers of any length), since a stored payload may
differ from the record in nothing but its masked values. About ten times slower than validation, so it
serves only records that need a closer look.
"""

import json
from typing import Any, Final, Never

import orjson

from openride_stream.events.rejects import RejectClass, Rejection


def loads(text: str) -> Any:
    """The document in `text`; numbers come as opaque fragments that only `dumps` reads.

    Raises:
        Rejection: MalformedJson, with the place but without the content.
    """
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        message = f"not JSON at character {error.pos}"
        raise Rejection(RejectClass.MALFORMED_JSON, message) from None
    except RecursionError:
        message = "not readable JSON: nested too deeply"
        raise Rejection(RejectClass.MALFORMED_JSON, message) from None


def names_of(text: str) -> tuple[set[str], bool]:
    """Every name of a field in a text that `loads` reads, and whether an object names one twice.

    Of a field that is named twice the document holds the last value only.
    """
    names: set[str] = set()
    repeated = False

    def members(pairs: list[tuple[str, Any]]) -> None:
        nonlocal repeated
        own = {name for name, _ in pairs}
        names.update(own)
        repeated = repeated or len(own) < len(pairs)

    json.JSONDecoder(object_pairs_hook=members, parse_int=str, parse_float=str).decode(text)
    return names, repeated


def dumps(document: Any) -> str:
    """Compact JSON text of a document that `loads` read."""
    return orjson.dumps(document).decode()


def _fragment(number: str) -> orjson.Fragment:
    return orjson.Fragment(number)


def _refuse_constant(name: str) -> Never:
    message = f"{name} is not JSON"
    raise Rejection(RejectClass.MALFORMED_JSON, message)


_DECODER: Final = json.JSONDecoder(
    parse_int=_fragment, parse_float=_fragment, parse_constant=_refuse_constant
)
