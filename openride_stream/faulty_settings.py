"""What is wrong with the settings, in words: values that are refused, and names that are no settings."""

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from pydantic import ValidationError

from openride_stream.settings import Settings

_PREFIX: Final = "OPENRIDE_"
# Read by the tests and their fixtures, not by the application.
_OTHERS: Final = ("OPENRIDE_TEST_", "OPENRIDE_SERVICES")
_ENV_FILE: Final = Path(".env")


def unknown_settings(names: Iterable[str] | None = None) -> list[str]:
    """A sentence for each name with our prefix that is no setting, with the nearest one that is.

    A misspelt name would change nothing, silently.

    `names` are those of the environment and of `.env` by default.
    """
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    given = {name.upper() for name in (_given() if names is None else names)}
    ours = {name for name in given if name.startswith(_PREFIX) and not name.startswith(_OTHERS)}
    return [_sentence(name, known) for name in sorted(ours - known)]


def refused(error: ValueError) -> list[str]:
    """A sentence for each setting whose value `error` refuses; values are not repeated.

    Empty when `error` is about something else.
    """
    if not isinstance(error, ValidationError) or error.title != Settings.__name__:
        return []
    return [
        _fault(fault["loc"], fault["msg"]) for fault in error.errors(include_input=False, include_url=False)
    ]


def _fault(place: tuple[int | str, ...], message: str) -> str:
    if not place:  # of several settings together: the message names them
        return message.removeprefix("Value error, ")
    return f"{_PREFIX}{'_'.join(map(str, place)).upper()}: {message}"


def _given() -> set[str]:
    return {*os.environ, *(dotenv_values(_ENV_FILE) if _ENV_FILE.exists() else ())}


def _sentence(name: str, known: set[str]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1)
    return f"{name} is no setting" + (f": did you mean {nearest[0]}?" if nearest else "")
