"""Accepted events as columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any] | Sequence[Any]
"""One value an event, in order of offset. UUIDs (n, 16) uint8 in the order in which they are written; times
int64 ms since the epoch; money int64 hundredths; numbers float64 or int64; flags bool; texts str, or where
they stand (`Slices`), as the payload. A list with None where an optional field is null."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Events of one kind that have the same fields.

    Attributes:
        kind: of each: the event type, or the kind of a record of a schedule topic.
        times_ms: int64, event time in milliseconds since the epoch.
        columns: by name, the table's; what `constants` has is left out.
        constants: the columns of one value; of events the type is one.
    """

    kind: str
    times_ms: npt.NDArray[np.int64]
    columns: Mapping[str, Column]
    constants: Mapping[str, str | int | bool]

    def __len__(self) -> int:
        """How many events."""
        return len(self.times_ms)
