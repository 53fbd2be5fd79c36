"""What follows from the fields of schedule executions and their updates: as `events.schedules`, whole columns
at once.
"""

import numpy as np
import numpy.typing as npt

from openride_stream.events.columnar.columns import Column
from openride_stream.events.columnar.readers import Reader
from openride_stream.events.columnar.shapes import Shape, Value
from openride_stream.events.registry import UPDATE_KIND
from openride_stream.events.scalars import END_TIMESTAMP_MS
from openride_stream.events.schedules import BITS, level_of

Moments = npt.NDArray[np.int64]
Constants = dict[str, str | int | bool]


def record_timestamps(stamps_ms: Moments, now_ms: int) -> Moments:
    """When records that were sent once were written, in ms since the epoch, by Kafka's timestamps."""
    return np.where(stamps_ms < 0, now_ms, np.minimum(stamps_ms, END_TIMESTAMP_MS - 1))


def complete_schedules(
    shape: Shape, columns: dict[str, Column], constants: Constants, reader: Reader, stamps_ms: Moments
) -> None:
    """Give records of one shape their identity, event time and defaults, in place.

    Args:
        shape: of all of them.
        columns: what was read of their fields; gets what varies.
        constants: their columns of one value; gets what does not.
        reader: what read them; an update that changes nothing is not proven.
        stamps_ms: when each record was written, in milliseconds since the epoch.
    """
    columns["record_timestamp"] = stamps_ms
    carried = _carried(shape, constants, reader)
    columns["carried"] = carried
    if shape.kind == UPDATE_KIND:
        reader.good &= carried != 0
        constants["is_update"] = True
        columns["event_timestamp"] = stamps_ms
        return
    started_ms = np.asarray(columns["started_processing_at"])
    columns["event_id"] = columns["analytics_id"]
    columns["event_timestamp"] = started_ms
    if "level" not in columns:
        _level(columns, constants)
    completed_ms = np.asarray(columns.setdefault("completed_at", stamps_ms))
    took_ms = np.maximum(0, completed_ms - started_ms)
    columns["total_processing_time_ms"] = _filled(columns.get("total_processing_time_ms"), took_ms)


def _carried(shape: Shape, constants: Constants, reader: Reader) -> npt.NDArray[np.int64]:
    """Which fields that an update may change each record itself carries."""
    values = [part.name for part in shape.parts if isinstance(part, Value) and not part.only_null]
    names = BITS.keys() & {*values, *constants}
    carried = np.full(len(reader.good), sum(BITS[name] for name in names), np.int64)
    for name in names & reader.nulls.keys():
        carried -= reader.nulls[name] * BITS[name]
    return carried


def _level(columns: dict[str, Column], constants: Constants) -> None:
    result = constants.get("execution_result")
    if result is None:
        columns["level"] = [level_of(result) for result in columns["execution_result"]]
    else:
        constants["level"] = level_of(str(result))


def _filled(column: Column | None, absent: Moments) -> Column:
    """The column, with what stands for it where it is null."""
    if column is None:
        return absent
    if isinstance(column, np.ndarray):
        return column
    return np.array(
        [stand_in if item is None else item for item, stand_in in zip(column, absent, strict=True)]
    )
