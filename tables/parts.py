"""Accepted events as live tables look at them: identities, moments and amounts, whole columns at once."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, Final, Protocol, Self

import numpy as np
import numpy.typing as npt

from openride_stream.events.accept import Accepted
from openride_stream.events.columnar.columns import Columns
from tables.series import code_of, halves, mixed

Rows = Sequence[Mapping[str, Any]]
Moments = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Part(Protocol):
    """Some events of one batch; `at` is when each happened, in milliseconds since the epoch."""

    at: Moments

    def taken(self, chosen: Mask) -> Self:
        """Some of the events."""
        ...

    def of_type(self, *types: str) -> Self:
        """Those of some types."""
        ...

    def ids(self, field: str) -> npt.NDArray[np.uint64]:
        """Hashes of the UUIDs of a field that each of them has."""
        ...

    def halves(self, field: str) -> npt.NDArray[np.uint64]:
        """The UUIDs of a field that each of them has, (n, 2): the first 64 bits and the last."""
        ...

    def numbers(self, field: str) -> npt.NDArray[np.float64]:
        """A numeric field; NaN where it is missing."""
        ...

    def cities(self) -> Sequence[str]:
        """The city that each of them names; empty where it names none."""
        ...

    def cents(self, field: str) -> Moments:
        """Hundredths of an amount that each of them has."""
        ...

    def currencies(self) -> Sequence[int]:
        """The currency of each, by its code."""
        ...


def parts_of(accepted: Accepted) -> Iterator[Part]:
    """Events that came as columns, type by type, then those that came as rows."""
    for columns in accepted.columns:
        yield ColumnsPart(columns)
    if accepted.rows:
        yield RowsPart(accepted.rows)


class RowsPart:
    """Events as rows."""

    def __init__(self, rows: Rows) -> None:
        self.rows: Final = rows
        self.at = np.fromiter((row["event_timestamp"] for row in rows), np.int64, len(rows))

    def taken(self, chosen: Mask) -> "RowsPart":
        """Some of the events."""
        return self if chosen.all() else RowsPart([*compress(self.rows, chosen.tolist())])

    def of_type(self, *types: str) -> "RowsPart":
        """Those of some types."""
        return RowsPart([row for row in self.rows if row["event_type"] in types])

    def ids(self, field: str) -> npt.NDArray[np.uint64]:
        """Hashes of the UUIDs of a field that each of them has."""
        return mixed(self.halves(field))

    def halves(self, field: str) -> npt.NDArray[np.uint64]:
        """The UUIDs of a field that each of them has, (n, 2): the first 64 bits and the last."""
        return halves([row[field] for row in self.rows])

    def numbers(self, field: str) -> npt.NDArray[np.float64]:
        """A numeric field; NaN where it is missing."""
        return np.array([row.get(field) for row in self.rows], np.float64)

    def cities(self) -> Sequence[str]:
        """The city that each of them names; empty where it names none."""
        return [row.get("city") or "" for row in self.rows]

    def cents(self, field: str) -> Moments:
        """Hundredths of an amount that each of them has."""
        return np.array([int(row[field].replace(".", "")) for row in self.rows], np.int64)

    def currencies(self) -> Sequence[int]:
        """The currency of each, by its code."""
        return [code_of(row["currency"]) for row in self.rows]


class ColumnsPart:
    """Events of one type as columns."""

    def __init__(self, columns: Columns, chosen: Mask | None = None) -> None:
        self._columns = columns
        self._chosen = np.ones(len(columns), bool) if chosen is None else chosen
        self.at = columns.times_ms if chosen is None else columns.times_ms[chosen]

    def taken(self, chosen: Mask) -> "ColumnsPart":
        """Some of the events."""
        if chosen.all():
            return self
        of_all = self._chosen.copy()
        of_all[self._chosen] = chosen
        return ColumnsPart(self._columns, of_all)

    def of_type(self, *types: str) -> "ColumnsPart":
        """Those of some types."""
        return self if self._columns.event_type in types else self.taken(np.zeros(len(self.at), bool))

    def ids(self, field: str) -> npt.NDArray[np.uint64]:
        """Hashes of the UUIDs of a field that each of them has."""
        return mixed(self.halves(field))

    def halves(self, field: str) -> npt.NDArray[np.uint64]:
        """The UUIDs of a field that each of them has, (n, 2): the first 64 bits and the last."""
        written = np.asarray(self._columns.columns[field])[self._chosen]
        return np.ascontiguousarray(written).view(">u8").astype(np.uint64)

    def numbers(self, field: str) -> npt.NDArray[np.float64]:
        """A numeric field; NaN where it is missing."""
        found = self._columns.columns.get(field)
        if found is None:
            return np.full(len(self.at), np.nan)
        return np.asarray(found, np.float64)[self._chosen]

    def cities(self) -> Sequence[str]:
        """The city that each of them names; empty where it names none."""
        named = self._columns.columns.get("city")
        if named is None:
            return [""] * len(self.at)
        return [*compress(named, self._chosen.tolist())]

    def cents(self, field: str) -> Moments:
        """Hundredths of an amount that each of them has."""
        return np.asarray(self._columns.columns[field])[self._chosen]

    def currencies(self) -> Sequence[int]:
        """The currency of each, by its code."""
        if (constant := self._columns.constants.get("currency")) is not None:
            return [code_of(str(constant))] * len(self.at)
        return [*map(code_of, compress(self._columns.columns["currency"], self._chosen.tolist()))]
