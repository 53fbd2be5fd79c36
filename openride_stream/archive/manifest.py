"""What an archived month is made of, and that it is what it was: a JSON file beside its Parquet files."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

import orjson

from openride_stream.errors import Rejected

FORMAT: Final = 1
NAME: Final = "manifest.json"


class ManifestDamaged(Rejected):
    """A manifest is not what was written; its name is in the message."""


@dataclass(frozen=True, slots=True)
class Content:
    """What rows come to, in any order: how many, two hashes over all values, first and last time."""

    rows: int
    hashes: str
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """One Parquet file, of one UTC day (ISO)."""

    name: str
    day: str
    size_bytes: int
    sha256: str
    content: Content


@dataclass(frozen=True, slots=True)
class Manifest:
    """One copy of a month of a table, its `segment`. What came in after the month had left is a further one.

    `columns` are (name, type) as ClickHouse writes them; `schema_version` is that of the database. Times are
    RFC 3339; `left_at` is None until the month's rows have left ClickHouse, and again once they are back.
    `held_until`: brought back, the month is not archived before then.
    """

    table: str
    month: int
    segment: int
    schema_version: int
    columns: Sequence[tuple[str, str]]
    files: Sequence[ArchivedFile]
    content: Content
    archived_at: str
    left_at: str | None = None
    restored_at: str | None = None
    held_until: str | None = None

    @property
    def folder(self) -> str:
        """Where its files are."""
        return folder_of(self.table, self.month, self.segment)

    def changed(self, **values: Any) -> Self:
        """The manifest with other values."""
        return replace(self, **values)

    def dump(self) -> bytes:
        """As JSON, with a checksum of all the rest."""
        told = {"format": FORMAT, **asdict(self)}
        return orjson.dumps({**told, "checksum": _checksum(told)}, option=orjson.OPT_INDENT_2)

    @classmethod
    def load(cls, name: str, content: bytes) -> Self:
        """From that JSON.

        Raises:
            ManifestDamaged: it is another one, or cut.
        """
        try:
            told = orjson.loads(content)
            checksum = told.pop("checksum")
            if checksum != _checksum(told) or told.pop("format") != FORMAT:
                raise ValueError(checksum)
            files = [_file(one) for one in told.pop("files")]
            columns = [(column, kind) for column, kind in told.pop("columns")]
            return cls(**told | {"files": files, "columns": columns, "content": Content(**told["content"])})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"{name} is no manifest of an archived month, or was changed"
            raise ManifestDamaged(message) from error


def folder_of(table: str, month: int, segment: int) -> str:
    """Where the files of a copy are; `month` is YYYYMM."""
    return f"{table}/{month // 100}-{month % 100:02}/{segment}"


def _file(told: Mapping[str, Any]) -> ArchivedFile:
    return ArchivedFile(**{**told, "content": Content(**told["content"])})


def _checksum(told: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()
