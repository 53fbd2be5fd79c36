"""The text of .env.example: every setting with its meaning and default."""

import json
import textwrap
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from openride_stream.settings import Settings

_HEADER: Final = """\
# Settings of OpenRide Stream: copy this file to .env and uncomment what you change.
# Made by `openride doctor --env-example` from openride_stream/settings.
"""
# Those that have to be given; all others stand as comments, so that their defaults stay the program's.
_REQUIRED: Final = frozenset({"pii_key"})


def env_example() -> str:
    """One block a setting: its sentence, then its variable and default."""
    blocks = [_block(name, field) for name, field in Settings.model_fields.items()]
    return "\n".join([_HEADER, *blocks])


def _block(name: str, field: FieldInfo) -> str:
    sentence = textwrap.fill(
        field.description or "",
        width=100,
        initial_indent="# ",
        subsequent_indent="# ",
        break_on_hyphens=False,
    )
    mark = "" if name in _REQUIRED else "#"
    return f"{sentence}\n{mark}OPENRIDE_{name.upper()}={_text(field.default)}\n"


def _text(default: object) -> str:
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if isinstance(default, str | Path):
        return str(default)
    return json.dumps(default)
