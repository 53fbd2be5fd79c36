"""Which edition of our queries this is: answers of another one are not taken from a shared cache."""

from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

from openride_stream import __version__

_HERE: Final = Path(__file__).parent


@lru_cache(1)
def edition() -> str:
    """The version, and a digest of the code that asks ClickHouse, which may change while that does not."""
    return f"{__version__}-{digest(_HERE)}"


def digest(folder: Path) -> str:
    """Of every Python file below `folder`, its name and what it says."""
    told = blake2b(digest_size=8)
    for path in sorted(folder.rglob("*.py")):
        told.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        told.update(path.read_bytes())
    return told.hexdigest()
