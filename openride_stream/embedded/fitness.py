"""Whether a stack can run in a data folder: asked before anything starts, answered in one line.

What is wrong here would otherwise show late, in the log of a child that does not come up.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from openride_stream.embedded.clickhouse.lifetime import UNSAFE_IN_ADDRESS
from openride_stream.errors import ConfigurationError

METADATA_FILE: Final = "metadata.db"
_FOLDERS: Final = ("clickhouse", "faust", "logs")
_FILES: Final = (METADATA_FILE, "pii.key", "ports.json", "replay.json", "stack.json")


def require_plain_name(data_dir: Path) -> None:
    """Check that the folder's whole path can be passed on to every part of the stack.

    Raises:
        ConfigurationError: it holds a character that means something in the address of ClickHouse.
    """
    path = str(data_dir.absolute())
    odd = sorted(
        {character for character in path if character in UNSAFE_IN_ADDRESS or not character.isprintable()}
    )
    if odd:
        shown = " ".join(ascii(character)[1:-1] for character in odd)
        message = (
            f"data folder {ascii(path)[1:-1]} has {shown} in its name: choose one without, by --data-dir"
        )
        raise ConfigurationError(message)


def require_fit(data_dir: Path) -> None:
    """Check what is in a data folder that nobody else uses (see `folder.locked_folder`).

    Raises:
        ConfigurationError: something stands in the way; the message says what, and what to do.
    """
    for name in _FILES:
        if (data_dir / name).is_dir():
            message = f"{data_dir / name} is a folder where the stack keeps a file: move it away"
            raise ConfigurationError(message)
    for name in _FOLDERS:
        if (data_dir / name).exists() and not (data_dir / name).is_dir():
            message = f"{data_dir / name} is a file where the stack keeps a folder: move it away"
            raise ConfigurationError(message)
    _require_readable(data_dir / METADATA_FILE)


def _require_readable(database: Path) -> None:
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        verdict = str(error)
    if verdict != "ok":
        what = f"{database} cannot be read ({' '.join(verdict.split())})"
        message = f"{what}: restore it, or move it away for a new one (events and figures are not in it)"
        raise ConfigurationError(message)
