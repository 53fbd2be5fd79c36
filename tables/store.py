"""Live facts on the worker's own disk, so that a start reads of the changelog only what came since.

Facts are kept as the changelog brought them, some seconds together: a value a series, written in one batch
with the places up to which the changelog was read. So what is there belongs together, wherever a worker was
killed. A store that is damaged, of another layout or on a full disk is thrown away: all of it is in the
changelog.
"""

import json
import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openride_stream.kafka.places import LogPlace
from tables.folder_lock import FolderLock
from tables.placed_series import PLACED_BY_NUMBER
from tables.series import BY_NUMBER, Facts, Series, joined
from tables.sightings import AHEAD_MS

if TYPE_CHECKING:
    from rocksdict import Rdict

logger = logging.getLogger(__name__)

_SERIES: Final = {**BY_NUMBER, **PLACED_BY_NUMBER}
_VERSION: Final = 1
_ABOUT: Final = b"about"
_FACTS: Final = b"facts"
_SEQUENCE_BYTES: Final = 8
_MANIFESTS_KEPT: Final = 2


class StoreLostError(Exception):
    """What is on disk cannot be used; it is to be thrown away."""


class StoreInUseError(StoreLostError):
    """Another process writes there; what it has is to be left alone."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a store says of its facts.

    Attributes:
        saved_ms: when they were written (since the epoch).
        first_written_ms: when the oldest row of the changelog was written that they are of.
        places: by partition of the changelog, how far it was read.
    """

    saved_ms: int
    first_written_ms: int | None
    places: Mapping[int, LogPlace]


@dataclass(slots=True)
class _Segment:
    key: bytes
    series: Series
    newest_ms: int


@dataclass(slots=True)
class FactStore:
    """A folder of facts, for one process at a time. Calls block: they belong into a thread, one by one.

    `layout` is what has to be the same for the facts to be of use: partitions and hours, by name.
    """

    folder: Path
    layout: Mapping[str, int]
    live_ms: int
    _db: "Rdict | None" = None
    _segments: list[_Segment] = field(default_factory=list)
    _sequence: int = 0
    _count: int = 0
    _is_whole: bool = True
    _lock: FolderLock = field(init=False)

    def __post_init__(self) -> None:
        self._lock = FolderLock(self.folder)

    def open(self) -> Saved | None:
        """Open it, made anew when it cannot be used; what it holds, or None when that is nothing.

        Raises:
            StoreInUseError: another process has it open.
            StoreLostError: nothing can be written there either.
        """
        self._segments = []
        try:
            self._connect()
            return self._about()
        except StoreInUseError:
            raise
        except Exception as error:
            logger.warning("The store of live tables is thrown away", extra={"error": str(error)})
        self.throw_away()
        try:
            self._connect()
        except Exception as error:
            raise StoreLostError(str(error)) from error
        return None

    def facts(self) -> Iterator[dict[Series, Facts]]:
        """Everything that it holds, piece by piece.

        Raises:
            StoreLostError: it is damaged.
        """
        assert self._db is not None, "open"
        try:
            for key, value in self._db.items():
                if not isinstance(key, bytes) or not key.startswith(_FACTS):
                    continue
                series = _SERIES[key[-1]]
                facts = np.frombuffer(value, series.written_dtype)
                self._remember(key, series, facts)
                yield {series: facts}
        except Exception as error:
            raise StoreLostError(str(error)) from error
        # Where a block is damaged RocksDB ends as if that were all.
        if len(self._segments) != self._count:
            message = f"{len(self._segments)} of {self._count} pieces can be read"
            raise StoreLostError(message)

    def write(self, added: Iterable[Mapping[Series, Facts]], saved: Saved) -> None:
        """Add facts, and drop those that no window will ask for again; all of it or nothing.

        Raises:
            StoreLostError: the disk does not take them.
        """
        from rocksdict import WriteBatch

        assert self._db is not None, "open"
        if not self._is_whole:
            message = "a write before failed"
            raise StoreLostError(message)
        self._is_whole = False
        try:
            batch = WriteBatch(raw_mode=True)
            for series, facts in _together(added, saved.saved_ms).items():
                self._sequence += 1
                key = _FACTS + self._sequence.to_bytes(_SEQUENCE_BYTES, "big") + bytes((series.number,))
                batch.put(key, facts.tobytes())
                self._remember(key, series, facts)
            for old in self._aged(saved.saved_ms):
                batch.delete(old.key)
            batch.put(_ABOUT, self._described(saved))
            self._db.write(batch)
            self._is_whole = True
        except Exception as error:
            raise StoreLostError(str(error)) from error

    def close(self) -> None:
        """Let go of the folder."""
        db, self._db = self._db, None
        try:
            if db is not None:
                db.close()
        finally:
            self._lock.release()

    def throw_away(self) -> None:
        """Close it and delete all that is there."""
        try:
            self.close()
        except Exception as error:
            logger.warning("The store of live tables did not close", extra={"error": str(error)})
        self._segments, self._sequence, self._count, self._is_whole = [], 0, 0, True
        shutil.rmtree(self.folder, ignore_errors=True)

    def _connect(self) -> None:
        from rocksdict import Options, Rdict

        self.folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.take()
        except BlockingIOError as error:
            message = f"{self.folder} (OPENRIDE_DATA_DIR, OPENRIDE_WEB_PORT) is used by another worker"
            raise StoreInUseError(message) from error
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_keep_log_file_num(_MANIFESTS_KEPT)
        self._db = Rdict(str(self.folder), options)

    def _about(self) -> Saved | None:
        assert self._db is not None, "connected"
        written = self._db.get(_ABOUT)
        if written is None:
            return None
        about: dict[str, Any] = json.loads(written)
        if about["layout"] != self._layout():
            message = f"it is of another layout: {about['layout']}"
            raise StoreLostError(message)
        places = {int(number): LogPlace(*place) for number, place in about["places"].items()}
        self._sequence, self._count = about["sequence"], about["pieces"]
        return Saved(about["saved_ms"], about["first_written_ms"], places)

    def _described(self, saved: Saved) -> bytes:
        places = {number: [*asdict(place).values()] for number, place in saved.places.items()}
        about = {
            "layout": self._layout(),
            "sequence": self._sequence,
            "pieces": len(self._segments),
            "saved_ms": saved.saved_ms,
            "first_written_ms": saved.first_written_ms,
            "places": places,
        }
        return json.dumps(about).encode()

    def _layout(self) -> dict[str, Any]:
        series = {str(number): str(series.written_dtype) for number, series in sorted(_SERIES.items())}
        return {"version": _VERSION, **self.layout, "series": series}

    def _remember(self, key: bytes, series: Series, facts: Facts) -> None:
        self._segments.append(_Segment(key, series, int(facts["at"].max())))

    def _aged(self, now_ms: int) -> list[_Segment]:
        aged = [
            one for one in self._segments if one.newest_ms <= now_ms - one.series.horizon_ms(self.live_ms)
        ]
        if aged:
            gone = {one.key for one in aged}
            self._segments = [one for one in self._segments if one.key not in gone]
        return aged


def _together(added: Iterable[Mapping[Series, Facts]], now_ms: int) -> dict[Series, Facts]:
    """The facts of some rows by series: of what is past the newest of each identity.

    What lies so far ahead that nobody will remember it would keep its piece for ever.
    """
    found: dict[Series, list[Facts]] = {}
    for row in added:
        for series, facts in row.items():
            found.setdefault(series, []).append(facts)
    whole = {}
    for series, parts in found.items():
        facts = joined(parts)
        facts = facts[facts["at"] <= now_ms + AHEAD_MS]
        past = facts["at"] <= now_ms
        whole[series] = joined([series.distinct(facts[past]), facts[~past]])
    return {series: facts for series, facts in whole.items() if len(facts)}
