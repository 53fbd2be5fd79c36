"""Records where they stand in the bytes that a fetch brought: none is made before it is asked for."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from openride_stream.events.records import Record


class Placed(Sequence[Record]):
    """Records of one partition, in order of offset.

    After each value stand its headers, as in Kafka's record batches: their number first.

    Attributes:
        text: the bytes that they stand in.
        offsets: int64, the place of each in the partition.
        timestamps: int64, Kafka timestamps in milliseconds since the epoch.
        starts: int64, where the value of each begins in `text`.
        ends: int64, where it ends; where it begins for a tombstone.
    """

    __slots__ = ("ends", "offsets", "starts", "text", "timestamps")

    def __init__(
        self,
        text: bytes,
        offsets: npt.NDArray[np.int64],
        timestamps: npt.NDArray[np.int64],
        starts: npt.NDArray[np.int64],
        ends: npt.NDArray[np.int64],
    ) -> None:
        self.text = text
        self.offsets = offsets
        self.timestamps = timestamps
        self.starts = starts
        self.ends = ends

    def without_headers(self) -> npt.NDArray[np.bool_]:
        """Which records have none."""
        bare: npt.NDArray[np.bool_] = np.frombuffer(self.text, np.uint8)[self.ends] == 0
        return bare

    def __len__(self) -> int:
        """How many records."""
        return len(self.offsets)
