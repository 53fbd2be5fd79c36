"""What agents hand to the sink: the rows of one record batch, ready to be sent."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

import numpy as np
import orjson

from openride_stream.clickhouse.client import Row
from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.hours import HOUR_MS, HOURLY
from openride_stream.clickhouse.native import Blocks, Layout, written
from openride_stream.errors import StoreRefused
from openride_stream.events.columnar.columns import Columns

_INSERT_BYTES = 64 * 1024 * 1024

Refused = Callable[[Row, StoreRefused], Awaitable[None]]


class Format(StrEnum):
    """How rows are sent."""

    JSON = "JSONEachRow"
    NATIVE = "Native"


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """Rows of one record batch for one table.

    Attributes:
        table: its name.
        format: how `body` is written.
        body: the rows, serialised: lines of JSON, or blocks.
        rows: how many they are.
        days: the UTC days (since the epoch) that they touch; none of what is known by hours.
        durable: called once when they are safe.
        refused: takes each row that ClickHouse can never store.
        again: the same rows once more, when the one that was refused has to be found.
        hours: the hours (since the epoch) that they touch, of schedule executions.
    """

    table: str
    format: Format
    body: bytes | Blocks
    rows: int
    days: frozenset[int]
    durable: Callable[[], None]
    refused: Refused
    again: Callable[[], Sequence[Row]]
    hours: frozenset[int] = frozenset()

    @property
    def size_bytes(self) -> int:
        """How long `body` is."""
        return self.body.size_bytes() if isinstance(self.body, Blocks) else len(self.body)

    @classmethod
    def of(
        cls,
        table: str,
        rows: Sequence[Row],
        durable: Callable[[], None],
        refused: Refused,
        *,
        columns: Sequence[Columns] = (),
        layout: Layout | None = None,
        again: Callable[[], Sequence[Row]] | None = None,
    ) -> "Delivery":
        """Serialise decoded events; `event_timestamp` of each is in milliseconds since the epoch.

        With the table's `layout` they are written in Native format; without, or when a value does not fit
        its column or has none, as JSON, so that the store itself can say which row it refuses and why.
        Without `again`, which has the rows of what is in `columns` as well, the rows are kept until they
        are durable.
        """
        given = again or (lambda: rows)
        unit_ms = HOUR_MS if table == HOURLY else DAY_MS
        units = frozenset([row["event_timestamp"] // unit_ms for row in rows])
        units = units.union(*[np.unique(each.times_ms // unit_ms).tolist() for each in columns])
        days, hours = (frozenset[int](), units) if table == HOURLY else (units, frozenset[int]())
        count = len(rows) + sum(map(len, columns))
        try:
            native = Blocks([*map(layout.block, columns), *layout.blocks(rows)]) if layout else None
        except (ValueError, TypeError, OverflowError, AttributeError, KeyError):
            native = None
        if native is None:
            body = orjson.dumps(given() if columns else rows)[1:-1]
            return cls(table, Format.JSON, body, count, days, durable, refused, given, hours)
        return cls(table, Format.NATIVE, native, count, days, durable, refused, given, hours)


def chunks(deliveries: Sequence[Delivery]) -> Iterable[list[Delivery]]:
    """Split so that no insert is much larger than 64 MiB."""
    chunk: list[Delivery] = []
    size_bytes = 0
    for delivery in deliveries:
        if chunk and size_bytes + delivery.size_bytes > _INSERT_BYTES:
            yield chunk
            chunk, size_bytes = [], 0
        chunk.append(delivery)
        size_bytes += delivery.size_bytes
    if chunk:
        yield chunk


def joined(deliveries: Sequence[Delivery]) -> bytes:
    """The body of one insert of deliveries of one format."""
    blocks = [delivery.body for delivery in deliveries if isinstance(delivery.body, Blocks)]
    if blocks:
        return written(chain.from_iterable(blocks))
    return b"\n".join([delivery.body for delivery in deliveries if isinstance(delivery.body, bytes)])
