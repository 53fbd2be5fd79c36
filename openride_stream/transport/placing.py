"""The records of a fetch as `Placed`: found by one compiled loop, where aiokafka makes an object of each.

Only what is usual is read so: record batches of magic 2 whose sums are right, in a fetch of enough records to
be worth it. Anything else, and whatever is wrong with it, is left to aiokafka.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate
from threading import Event
from typing import Any, Final, overload

import numpy as np
import numpy.typing as npt
from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.record.util import decode_varint

from openride_stream.events.placed import Placed
from openride_stream.events.records import Record
from openride_stream.transport.batch_heads import BatchHead, batch_heads

LEAST_RECORDS: Final = 64
"""In a fetch of fewer they are quicker made one by one."""

_CODEC, _APPEND_TIME, _CONTROL = 0x07, 0x08, 0x20
_NO_PRODUCER: Final = -1
_NO_TIME: Final = -1
_UNPACKED: Final[dict[int, Callable[[bytes], bytes]]] = {
    1: gzip_decode,
    2: snappy_decode,
    3: lz4_decode,
    4: zstd_decode,
}


class PlacedRecord:
    """One record, read from where it stands."""

    __slots__ = ("_at", "_text", "key", "offset", "timestamp", "value")

    def __init__(self, text: bytes, at: int, offset: int, timestamp: int) -> None:
        self._text = text
        self.offset = offset
        self.timestamp = timestamp
        self.key, at = _field(text, at)
        self.value, self._at = _field(text, at)

    @property
    def headers(self) -> Sequence[tuple[str, Any]]:
        """Names and values; a byte of a name that is not UTF-8 is shown by its number."""
        found = []
        count, at = decode_varint(self._text, self._at)
        for _ in range(count):
            name, at = _field(self._text, at)
            value, at = _field(self._text, at)
            found.append(((name or b"").decode(errors="backslashreplace"), value))
        return found


def _field(text: bytes, at: int) -> tuple[bytes | None, int]:
    size, at = decode_varint(text, at)
    return (None, at) if size < 0 else (text[at : at + size], at + size)


class Run(Placed):
    """Consecutive records of one partition.

    Attributes:
        keys: int64, where the length of each one's key stands in `text`.
    """

    __slots__ = ("keys",)

    def __init__(self, text: bytes, places: npt.NDArray[np.int64]) -> None:
        """`places` is what `unpacking.unpack` writes."""
        offsets, timestamps, starts, ends, self.keys = places
        super().__init__(text, offsets, timestamps, starts, ends)

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> "Run": ...
    def __getitem__(self, place: int | slice) -> "Record | Run":
        """A record, made now, or some of them, as they stand."""
        if isinstance(place, slice):
            columns = (self.offsets, self.timestamps, self.starts, self.ends, self.keys)
            return Run(self.text, np.array([column[place] for column in columns]))
        at, offset = int(self.keys[place]), int(self.offsets[place])
        return PlacedRecord(self.text, at, offset, int(self.timestamps[place]))


class PlacedPartition:
    """What a fetch brought of one partition, in the place of aiokafka's PartitionRecords."""

    def __init__(self, run: Run, fetch_offset: int, end_offset: int) -> None:
        self._run = run
        self._taken = 0
        self._end_offset = end_offset
        self.next_fetch_offset = fetch_offset

    @property
    def exhausted(self) -> bool:
        """Whether all of it was taken."""
        return self._taken == len(self._run)

    def take(self, most: int | None) -> Run:
        """The next records, `most` at the most."""
        until = len(self._run) if most is None else self._taken + most
        taken = self._run[self._taken : until]
        self._taken += len(taken)
        # A batch may end with offsets whose records are gone: those are not to be fetched again.
        self.next_fetch_offset = self._end_offset if self.exhausted else int(taken.offsets[-1]) + 1
        return taken


def placed(
    fetched: bytes,
    fetch_offset: int,
    *,
    committed_only: bool = False,
    sums: bool = True,
    least_records: int = LEAST_RECORDS,
) -> PlacedPartition | None:
    """The records of `fetched` from `fetch_offset` on; None when they are to be read by aiokafka.

    Args:
        fetched: record batches, the last of which may be cut off.
        fetch_offset: what was asked for; a batch may begin before it.
        committed_only: whether records of transactions count only once these are committed.
        sums: whether checksums are to be checked.
        least_records: in a fetch, for it to be worth it.
    """
    if not _ready.is_set():
        return None
    try:
        batches = [*batch_heads(fetched, sums=sums)]
    except ValueError:
        return None
    count = sum(batch.records for batch in batches)
    transactional = committed_only and any(batch.producer != _NO_PRODUCER for batch in batches)
    if not batches or count < least_records or transactional:
        return None
    run = _run(fetched, [batch for batch in batches if not batch.attributes & _CONTROL])
    if run is None:
        return None
    first = int(np.searchsorted(run.offsets, fetch_offset))
    return PlacedPartition(run[first:], fetch_offset, batches[-1].next_offset)


def _run(fetched: bytes, batches: Sequence[BatchHead]) -> Run | None:
    if any(batch.attributes & _CODEC for batch in batches):
        try:
            sections = [_section(fetched, batch) for batch in batches]
        except Exception:  # of as many kinds as there are codecs; aiokafka says which
            return None
        text, ends = b"".join(sections), [*accumulate(map(len, sections))]
        begins = [end - len(section) for end, section in zip(ends, sections, strict=True)]
    else:
        # Where they are fetched to is where they stand.
        text, begins, ends = fetched, [batch.begin for batch in batches], [batch.end for batch in batches]
    places = _places(np.frombuffer(text, np.uint8), batches, begins, ends)
    return None if places is None else Run(text, places)


def _section(fetched: bytes, batch: BatchHead) -> bytes | memoryview:
    section = memoryview(fetched)[batch.begin : batch.end]
    codec = batch.attributes & _CODEC
    return _UNPACKED[codec](section.tobytes()) if codec else section


def _places(
    text: npt.NDArray[np.uint8], batches: Sequence[BatchHead], begins: Sequence[int], ends: Sequence[int]
) -> npt.NDArray[np.int64] | None:
    places = np.empty((5, sum(batch.records for batch in batches)), np.int64)
    first = 0
    for batch, begin, end in zip(batches, begins, ends, strict=True):
        append_ms = batch.max_timestamp if batch.attributes & _APPEND_TIME else _NO_TIME
        of_batch = batch.base_offset, batch.first_timestamp, append_ms, places, first, batch.records
        # No broker stamps records with a time before 1970: there is no telling it from none.
        unstamped = batch.attributes & _APPEND_TIME and append_ms < 0
        if unstamped or not _loaded[0](text, begin, end, *of_batch):
            return None
        found = places[0, first : first + batch.records]
        # Else what is read next would be one of these again, or one of these would come after what follows.
        if len(found) and not batch.base_offset <= found[0] <= found[-1] < batch.next_offset:
            return None
        first += batch.records
    return places if (np.diff(places[0]) > 0).all() else None


def load() -> None:
    """Have the loop compiled, or fetched from where it was kept: a matter of seconds.

    Raises:
        ImportError: the compiler is not there.
    """
    if _ready.is_set():
        return
    from openride_stream.transport import unpacking

    # Of the very types that it will be called with: for others it is compiled again, while records wait.
    unpacking.unpack(np.frombuffer(b"-", np.uint8), 0, 0, 0, 0, _NO_TIME, np.empty((5, 0), np.int64), 0, 0)
    _loaded.append(unpacking.unpack)
    _ready.set()


_loaded: Final[list[Callable[..., bool]]] = []
_ready: Final = Event()
