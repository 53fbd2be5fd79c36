"""Some accepted events as live tables look at them: what may be asked of them, whole columns at once."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from tables.series import mixed

Rows = Sequence[Mapping[str, Any]]
Moments = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Halves = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]


class Part(Protocol):
    """Some events of one batch; `at` is when each happened, in milliseconds since the epoch."""

    at: Moments

    def taken(self, chosen: Mask) -> "Part":
        """Some of the events."""
        ...

    def of_type(self, *types: str) -> "Part":
        """Those of some types."""
        ...

    def ids(self, field: str) -> npt.NDArray[np.uint64]:
        """Hashes of the UUIDs of a field that each of them has; not to be written to."""
        ...

    def uuids(self, field: str) -> Bytes:
        """The UUIDs of a field that each of them has, (n, 16), in the order in which they are written."""
        ...

    def halves(self, field: str) -> Halves:
        """The UUIDs of a field that each of them has, (n, 2): the first 64 bits and the last."""
        ...

    def numbers(self, field: str) -> npt.NDArray[np.float64]:
        """A numeric field; NaN where it is missing."""
        ...

    def offsets(self) -> Moments:
        """The offset of each of them in its partition."""
        ...

    def cities(self) -> Sequence[str | None]:
        """The city that each of them names; None or empty where it names none."""
        ...

    def cents(self, field: str) -> Moments:
        """Hundredths of an amount that each of them has."""
        ...

    def currencies(self) -> Sequence[int]:
        """The currency of each, by its code."""
        ...


class Sought(ABC):
    """A part of which each thing is looked for once, by who asks first."""

    def __init__(self) -> None:
        self._halves: dict[str, Halves] = {}
        self._ids: dict[str, npt.NDArray[np.uint64]] = {}
        self._of_types: dict[tuple[str, ...], Part] = {}

    @abstractmethod
    def uuids(self, field: str) -> Bytes:
        """The UUIDs of a field that each of them has, (n, 16), in the order in which they are written."""

    @abstractmethod
    def _only(self, types: tuple[str, ...]) -> Part: ...

    def of_type(self, *types: str) -> Part:
        """Those of some types."""
        if types not in self._of_types:
            found = self._only(types)
            # A part that referred to itself would keep its events until the collector comes by.
            if found is cast("Part", self):
                return found
            self._of_types[types] = found
        return self._of_types[types]

    def halves(self, field: str) -> Halves:
        """The UUIDs of a field that each of them has, (n, 2): the first 64 bits and the last."""
        if field not in self._halves:
            self._halves[field] = self.uuids(field).view(">u8").astype(np.uint64)
        return self._halves[field]

    def ids(self, field: str) -> npt.NDArray[np.uint64]:
        """Hashes of the UUIDs of a field that each of them has; not to be written to."""
        if field not in self._ids:
            self._ids[field] = mixed(self.halves(field))
        return self._ids[field]
