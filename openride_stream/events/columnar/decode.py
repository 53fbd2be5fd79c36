"""A batch as columns where its records are alike, which costs a fraction of making a row of each.

Only the usual is done here: records of a shape that many in the batch have, with an event_id, in time. What
is accepted here is what `events.decode.decode` would accept, and with the same values; whatever is not proven
to be that is left to it.
"""

from collections.abc import Iterator, Sequence
from itertools import compress
from operator import attrgetter
from typing import Final

import numpy as np

from openride_stream.events.columnar.analysis import shape_of
from openride_stream.events.columnar.columns import Column, Columns
from openride_stream.events.columnar.programs import Program, program_of
from openride_stream.events.columnar.readers import Reader
from openride_stream.events.columnar.scan import Scan, is_loaded, scan
from openride_stream.events.columnar.schedules import complete_schedules, record_timestamps
from openride_stream.events.columnar.shapes import Shape
from openride_stream.events.columnar.text import Mask, Places, Slices, Text
from openride_stream.events.frame import Frame
from openride_stream.events.placed import Placed
from openride_stream.events.records import Record

LEAST_RECORDS: Final = 16
"""Of one shape, for columns to be cheaper than rows, in a batch that is large enough."""
_LEAST_IN_ALL: Final = 6
"""Times that many has a batch to hold for its shapes to be looked for."""
_SHAPES_READ_OFF: Final = 6
_SHAPES_KEPT: Final = 24
_OFFSET: Final = attrgetter("offset")
_TIMESTAMP: Final = attrgetter("timestamp")

_known: Final[dict[str, list[Program]]] = {}
"""Shapes that were met lately, by topic, the last one first. What is read does not depend on it."""


def columns_of(
    records: Sequence[Record], frame: Frame, least_records: int = LEAST_RECORDS
) -> tuple[list[Columns], Mask]:
    """What can be read as columns of a batch, and which records that leaves.

    Nothing is while `scan.load` has not been called: then all of them are left.

    Args:
        records: of one partition.
        frame: where they came from, and the limits.
        least_records: of one shape, for it to be read so.
    """
    left = np.ones(len(records), bool)
    enough = len(records) >= least_records * (_LEAST_IN_ALL if least_records > 1 else 1)
    if not enough or not is_loaded():
        return [], left
    return _Batch(records, frame).columns(least_records, left), left


class _Batch:
    """One batch while it is read."""

    def __init__(self, records: Sequence[Record], frame: Frame) -> None:
        self._frame = frame
        self._records = records
        if isinstance(records, Placed):
            self._text = Text(records.text, records.starts, records.ends)
            self._offsets, self._timestamps = records.offsets, records.timestamps
        else:
            self._text = Text.joined([record.value or b"" for record in records])
            self._offsets = np.fromiter(map(_OFFSET, records), np.int64, len(records))
            self._timestamps = np.fromiter(map(_TIMESTAMP, records), np.int64, len(records))

    def columns(self, least_records: int, left: Mask) -> list[Columns]:
        """The columns; `left` loses the records that they hold."""
        found = []
        for scanned in self._alike(least_records):
            columns, lines = self._read(scanned)
            left[lines] = False
            if len(lines):
                found.append(columns)
        return found

    def _alike(self, least_records: int) -> Iterator[Scan]:
        """Records of one shape each, enough of them to be worth it."""
        known = _known.setdefault(self._frame.source.name, [])
        lines = np.flatnonzero(self._text.sizes <= self._frame.policy.max_record_bytes)
        for program in [*known]:
            if len(lines) < least_records:
                return
            if scanned := scan(self._text, lines, program, least_records):
                yield scanned
                lines = self._without(lines, scanned)
        for _ in range(_SHAPES_READ_OFF):
            if len(lines) < least_records:
                return
            new = self._new_program(lines, known)
            # A shape of few records is not worth to be remembered.
            if new and (scanned := scan(self._text, lines, new, least_records)):
                known.insert(0, new)
                del known[_SHAPES_KEPT:]
                yield scanned
                lines = self._without(lines, scanned)
            else:
                lines = lines[1:]

    def _without(self, lines: Places, scanned: Scan) -> Places:
        left = np.zeros(len(self._offsets), bool)
        left[lines] = True
        left[scanned.lines] = False
        return np.flatnonzero(left)

    def _new_program(self, lines: Places, known: list[Program]) -> Program | None:
        """That of the shape of the first of the lines, if it is one that was not met before."""
        shape = shape_of(self._text[lines[0]], self._frame.source)
        if shape is None or any(program.shape == shape for program in known):
            return None
        return program_of(shape)

    def _read(self, scanned: Scan) -> tuple[Columns, Places]:
        frame = self._frame
        reader = Reader(scanned, frame.policy.pii_key)
        columns, lines = reader.columns(), scanned.lines
        shape, stamps_ms = scanned.program.shape, self._timestamps[lines]
        constants = self._constants(shape)
        if frame.source.tier is not None:
            # One that was sent again has the timestamp of its first place, which its headers tell.
            reader.good &= self._first_sent()[lines]
            complete_schedules(shape, columns, constants, reader, record_timestamps(stamps_ms, frame.now_ms))
        columns |= reader.payload()
        times_ms = np.asarray(columns["event_timestamp"])
        last_ms = np.minimum(stamps_ms + frame.policy.max_ahead_ms, frame.ceiling_ms)
        good = reader.good & (times_ms >= frame.floor_ms) & (times_ms <= last_ms)
        if not good.all():
            lines, columns = lines[good], {name: _chosen(column, good) for name, column in columns.items()}
        times_ms = np.asarray(columns.pop("event_timestamp"))
        columns["offset"] = self._offsets[lines]
        return Columns(shape.kind, times_ms, columns, constants), lines

    def _first_sent(self) -> Mask:
        if isinstance(self._records, Placed):
            return self._records.without_headers()
        return np.fromiter((not record.headers for record in self._records), bool, len(self._records))

    def _constants(self, shape: Shape) -> dict[str, str | int | bool]:
        source, frame = self._frame.source, self._frame
        told = {"event_type": shape.kind} if source.tier is None else {"schedule_type": source.tier}
        currency = {"currency": frame.policy.currency} if shape.needs_currency else {}
        return {
            **dict(shape.defaults),
            **told,
            **currency,
            "topic": source.name,
            "partition": frame.partition,
        }


def _chosen(column: Column, good: Mask) -> Column:
    if isinstance(column, np.ndarray):
        return column[good]
    return column.chosen(good) if isinstance(column, Slices) else [*compress(column, good.tolist())]
