"""What agents hand to the sink: the rows of one record batch, ready to be sent."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import orjson

from openride_stream.clickhouse.client import Row
from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.native import Layout
from openride_stream.errors import StoreRefused

_INSERT_BYTES = 64 * 1024 * 1024

Refused = Callable[[Row, StoreRefused], Awaitable[None]]


class Format(StrEnum):
    """How rows are sent; bodies of one format can be joined by its `separator`."""

    JSON = "JSONEachRow"
    NATIVE = "Native"

    @property
    def separator(self) -> bytes:
        """What stands between two bodies of one insert."""
        return b"\n" if self is Format.JSON else b""


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """Rows of one record batch for one table.

    Attributes:
        table: its name.
        format: how `body` is written.
        body: the rows, serialised.
        rows: how many they are.
        days: the UTC days (since the epoch) that they touch.
        durable: called once when they are safe.
        refused: takes each row that ClickHouse can never store.
        again: the same rows once more, when the one that was refused has to be found.
    """

    table: str
    format: Format
    body: bytes
    rows: int
    days: frozenset[int]
    durable: Callable[[], None]
    refused: Refused
    again: Callable[[], Sequence[Row]]

    @classmethod
    def of(
        cls,
        table: str,
        rows: Sequence[Row],
        durable: Callable[[], None],
        refused: Refused,
        *,
        layout: Layout | None = None,
        again: Callable[[], Sequence[Row]] | None = None,
    ) -> "Delivery":
        """Serialise decoded rows; `event_timestamp` of each is in milliseconds since the epoch.

        With the table's `layout` they are written in Native format; without, or when a value does not fit
        its column or has none, as JSON, so that the store itself can say which row it refuses and why.
        Without `again` the rows are kept until they are durable.
        """
        days = frozenset([row["event_timestamp"] // DAY_MS for row in rows])
        given = again or (lambda: rows)
        try:
            native = layout.blocks(rows) if layout else None
        except (ValueError, TypeError, OverflowError, AttributeError, KeyError):
            native = None
        if native is None:
            body = orjson.dumps(rows)[1:-1]
            return cls(table, Format.JSON, body, len(rows), days, durable, refused, given)
        return cls(table, Format.NATIVE, native, len(rows), days, durable, refused, given)


def chunks(deliveries: Sequence[Delivery]) -> Iterable[list[Delivery]]:
    """Split so that no insert is much larger than 64 MiB."""
    chunk: list[Delivery] = []
    size_bytes = 0
    for delivery in deliveries:
        if chunk and size_bytes + len(delivery.body) > _INSERT_BYTES:
            yield chunk
            chunk, size_bytes = [], 0
        chunk.append(delivery)
        size_bytes += len(delivery.body)
    if chunk:
        yield chunk
