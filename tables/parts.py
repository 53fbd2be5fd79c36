"""Accepted events as columns, as rows, or as several of these together, for live tables to look at."""

from collections.abc import Sequence
from itertools import chain, compress
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from openride_stream.events.accept import Accepted
from openride_stream.events.columnar.columns import Columns
from openride_stream.events.columnar.text import Slices
from tables.part import Bytes, Halves, Mask, Moments, Part, Rows, Sought
from tables.series import code_of, mixed, uuid_bytes


def part_of(accepted: Accepted) -> Part:
    """All of them; those that came as columns first, type by type, then those that came as rows."""
    parts: list[Part] = [*map(ColumnsPart, accepted.columns)]
    if accepted.rows or not parts:
        parts.append(RowsPart(accepted.rows))
    return parts[0] if len(parts) == 1 else JoinedPart(parts)


class RowsPart(Sought):
    """Events as rows."""

    def __init__(self, rows: Rows, whole: "RowsPart | None" = None, places: Sequence[int] = ()) -> None:
        super().__init__()
        self.rows: Final = rows
        self._places = np.array(places, np.intp)
        # What the whole has found, not the whole itself: it refers to its parts, and a circle would keep the
        # events until the collector comes by.
        self._whole_halves, self._whole_ids = (whole._halves, whole._ids) if whole is not None else ({}, {})
        if whole is None:
            self.at = np.fromiter((row["event_timestamp"] for row in rows), np.int64, len(rows))
        else:
            self.at = whole.at[self._places]

    def taken(self, chosen: Mask) -> "RowsPart":
        """Some of the events."""
        return self if chosen.all() else RowsPart([*compress(self.rows, chosen.tolist())])

    def _only(self, types: tuple[str, ...]) -> Part:
        places = [place for place, row in enumerate(self.rows) if row["event_type"] in types]
        return RowsPart([self.rows[place] for place in places], self, places)

    def look_for(self, fields: Sequence[str]) -> None:
        """Find the UUIDs of some fields at once: a few rows cost less than the calls for each field."""
        count = len(self.rows)
        found = (
            uuid_bytes([row[field] for field in fields for row in self.rows]).view(">u8").astype(np.uint64)
        )
        ids = mixed(found)
        for place, field in enumerate(fields):
            those = slice(place * count, (place + 1) * count)
            self._halves[field], self._ids[field] = found[those], ids[those]

    def halves(self, field: str) -> Halves:
        """The UUIDs of a field that each of them has, (n, 2): the first 64 bits and the last."""
        if field in self._whole_halves:
            return self._whole_halves[field][self._places]
        return super().halves(field)

    def ids(self, field: str) -> npt.NDArray[np.uint64]:
        """Hashes of the UUIDs of a field that each of them has; not to be written to."""
        if field in self._whole_ids:
            return self._whole_ids[field][self._places]
        return super().ids(field)

    def uuids(self, field: str) -> Bytes:
        """The UUIDs of a field that each of them has, (n, 16), in the order in which they are written."""
        return uuid_bytes([row[field] for row in self.rows])

    def numbers(self, field: str) -> npt.NDArray[np.float64]:
        """A numeric field; NaN where it is missing."""
        return np.array([row.get(field) for row in self.rows], np.float64)

    def offsets(self) -> Moments:
        """The offset of each of them in its partition."""
        return np.fromiter((row["offset"] for row in self.rows), np.int64, len(self.rows))

    def cities(self) -> Sequence[str | None]:
        """The city that each of them names; None or empty where it names none."""
        return [row.get("city") for row in self.rows]

    def cents(self, field: str) -> Moments:
        """Hundredths of an amount that each of them has."""
        return np.array([int(row[field].replace(".", "")) for row in self.rows], np.int64)

    def currencies(self) -> Sequence[int]:
        """The currency of each, by its code."""
        return [code_of(row["currency"]) for row in self.rows]


class ColumnsPart(Sought):
    """Events of one type as columns."""

    def __init__(self, columns: Columns, chosen: Mask | None = None) -> None:
        super().__init__()
        self._columns = columns
        self._chosen = chosen
        self.at = columns.times_ms if chosen is None else columns.times_ms[chosen]

    def taken(self, chosen: Mask) -> "ColumnsPart":
        """Some of the events."""
        if chosen.all():
            return self
        if self._chosen is None:
            return ColumnsPart(self._columns, chosen)
        of_all = self._chosen.copy()
        of_all[self._chosen] = chosen
        return ColumnsPart(self._columns, of_all)

    def _only(self, types: tuple[str, ...]) -> Part:
        return self if self._columns.kind in types else self.taken(np.zeros(len(self.at), bool))

    def uuids(self, field: str) -> Bytes:
        """The UUIDs of a field that each of them has, (n, 16), in the order in which they are written."""
        return np.ascontiguousarray(self._array(field))

    def numbers(self, field: str) -> npt.NDArray[np.float64]:
        """A numeric field; NaN where it is missing."""
        if field not in self._columns.columns:
            return np.full(len(self.at), self._columns.constants.get(field, np.nan), np.float64)
        return np.asarray(self._array(field), np.float64)

    def offsets(self) -> Moments:
        """The offset of each of them in its partition."""
        return self._array("offset")

    def cities(self) -> Sequence[str | None]:
        """The city that each of them names; None or empty where it names none."""
        return self._listed("city") if "city" in self._columns.columns else [None] * len(self.at)

    def cents(self, field: str) -> Moments:
        """Hundredths of an amount that each of them has."""
        return self._array(field)

    def currencies(self) -> Sequence[int]:
        """The currency of each, by its code."""
        if (constant := self._columns.constants.get("currency")) is not None:
            return [code_of(str(constant))] * len(self.at)
        return [*map(code_of, self._listed("currency"))]

    def _array(self, field: str) -> npt.NDArray[Any]:
        found = np.asarray(self._columns.columns[field])
        return found if self._chosen is None else found[self._chosen]

    def _listed(self, field: str) -> Sequence[Any]:
        found: Any = self._columns.columns[field]
        chosen = found if self._chosen is None else [*compress(found, self._chosen.tolist())]
        return [*map(bytes.decode, chosen)] if isinstance(found, Slices) else chosen


class JoinedPart(Sought):
    """Events of several parts, one part after the other: what is done with them is done at once."""

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__()
        self._parts = parts
        self.at = np.concatenate([part.at for part in parts])

    def taken(self, chosen: Mask) -> "JoinedPart":
        """Some of the events."""
        ends = np.cumsum([len(part.at) for part in self._parts])[:-1]
        pairs = zip(self._parts, np.split(chosen, ends), strict=True)
        return JoinedPart([part.taken(those) for part, those in pairs])

    def _only(self, types: tuple[str, ...]) -> Part:
        parts = [part for part in (part.of_type(*types) for part in self._parts) if len(part.at)]
        return parts[0] if len(parts) == 1 else JoinedPart(parts or [RowsPart(())])

    def uuids(self, field: str) -> Bytes:
        """The UUIDs of a field that each of them has, (n, 16), in the order in which they are written."""
        return np.concatenate([part.uuids(field) for part in self._parts])

    def numbers(self, field: str) -> npt.NDArray[np.float64]:
        """A numeric field; NaN where it is missing."""
        return np.concatenate([part.numbers(field) for part in self._parts])

    def offsets(self) -> Moments:
        """The offset of each of them in its partition."""
        return np.concatenate([part.offsets() for part in self._parts])

    def cities(self) -> Sequence[str | None]:
        """The city that each of them names; None or empty where it names none."""
        return [*chain.from_iterable(part.cities() for part in self._parts)]

    def cents(self, field: str) -> Moments:
        """Hundredths of an amount that each of them has."""
        return np.concatenate([part.cents(field) for part in self._parts])

    def currencies(self) -> Sequence[int]:
        """The currency of each, by its code."""
        return [code for part in self._parts for code in part.currencies()]
