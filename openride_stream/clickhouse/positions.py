"""At which Kafka offsets rows stand, and which of some events are stored: what the audit asks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.offsets import Offsets, Range

_TIMEOUT_S: Final = 600.0
# One roaring container: an answer names what is absent in it, at most 65,536 numbers.
_BUCKET: Final = 65_536
# A statement is at most 256 KiB and an id takes 39 bytes of it.
_SLICE_IDS: Final = 4_000

Identity = tuple[str, int]
"""event_id (lower case) and precedence: one content of one event."""

Failure = tuple[int, int, int]
"""Partition, offset and Kafka timestamp (ms) of a record where it first stood."""

Place = tuple[str, int, int]
"""Topic, partition, offset."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The offsets of one partition that are asked about: those before `end`.

    A row at `begin` or later counts when it was ingested at `since_ms` (milliseconds since the epoch) or
    later: a row that was read from an earlier log of that name stands at the same offset as one of this.
    """

    partition: int
    begin: int
    end: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Positions:
    """Questions about the places of rows; every method raises `StoreUnavailable`."""

    store: ClickHouse

    async def absent(self, table: str, topic: str, stretches: Sequence[Stretch]) -> dict[int, Offsets]:
        """By partition, the asked offsets at which no row stands.

        One scan of three narrow columns, and a bit an offset of memory.
        """
        rows = await self.store.select(
            "SELECT partition, bucket, "
            f"bitmapToArray(bitmapAndnot(bitmapBuild(range(toUInt32({_BUCKET}))), present)) AS absent "
            f"FROM (SELECT partition, intDiv(offset, {_BUCKET}) AS bucket, "
            f"groupBitmapState(toUInt32(offset % {_BUCKET})) AS present "
            f"FROM {self.store.database}.{table} WHERE topic = {{topic:String}} "
            "AND has({partitions:Array(UInt32)}, partition) "
            f"AND offset < {_of_partition('ends', 'UInt64')} "
            f"AND (offset < {_of_partition('begins', 'UInt64')} "
            f"OR toUnixTimestamp64Milli(ingested_at) >= {_of_partition('sinces', 'Int64')}) "
            "GROUP BY partition, bucket) ORDER BY partition, bucket",
            {
                "topic": topic,
                "partitions": [stretch.partition for stretch in stretches],
                "begins": [stretch.begin for stretch in stretches],
                "ends": [stretch.end for stretch in stretches],
                "sinces": [stretch.since_ms for stretch in stretches],
            },
            timeout_s=_TIMEOUT_S,
            bounded=False,
        )
        found: dict[int, dict[int, list[int]]] = {}
        for row in rows:
            found.setdefault(row["partition"], {})[row["bucket"]] = row["absent"]
        return {
            stretch.partition: Offsets(_gaps(found.get(stretch.partition, {}), stretch.end))
            for stretch in stretches
        }

    async def dead_letters(self, topic: str) -> dict[Failure, int]:
        """The dead letters on record for `topic`: first position, and the highest attempt seen there."""
        rows = await self.store.select(
            "SELECT partition, offset, timestamp_ms, max(attempts) AS highest "
            f"FROM {self.store.database}.dead_letters WHERE topic = {{topic:String}} "
            "GROUP BY partition, offset, timestamp_ms",
            {"topic": topic},
            timeout_s=_TIMEOUT_S,
            bounded=False,
        )
        return {(row["partition"], row["offset"], row["timestamp_ms"]): row["highest"] for row in rows}

    async def stored(
        self, table: str, identities: Iterable[Identity], first_ms: int, last_ms: int
    ) -> dict[Identity, set[Place]]:
        """Those of `identities` that have a row, with every place at which one stands.

        `first_ms` and `last_ms` are the earliest and latest event time among them, both included.
        """
        wanted = list(identities)
        found: dict[Identity, set[Place]] = {}
        for start in range(0, len(wanted), _SLICE_IDS):
            # Parsed before they are written into the statement: nothing but a UUID gets there.
            ids = ",".join(f"'{UUID(event_id)}'" for event_id, _ in wanted[start : start + _SLICE_IDS])
            rows = await self.store.select(
                "SELECT event_id, precedence, groupUniqArray((topic, partition, offset)) AS places "
                f"FROM {self.store.database}.{table} "
                "WHERE event_timestamp >= fromUnixTimestamp64Milli({first:Int64}) "
                f"AND event_timestamp <= fromUnixTimestamp64Milli({{last:Int64}}) AND event_id IN ({ids}) "
                "GROUP BY event_id, precedence",
                {"first": first_ms, "last": last_ms},
                timeout_s=_TIMEOUT_S,
                bounded=False,
            )
            for row in rows:
                found[row["event_id"], int(row["precedence"])] = {tuple(place) for place in row["places"]}
        return found


def _of_partition(parameter: str, kind: str) -> str:
    """The element of an array parameter that belongs to a row's partition."""
    return f"{{{parameter}:Array({kind})}}[indexOf({{partitions:Array(UInt32)}}, partition)]"


def _gaps(buckets: dict[int, list[int]], end: int) -> Iterator[Range]:
    """What is absent below `end`; a bucket of which nothing was said holds no row at all."""
    for bucket in range(-(-end // _BUCKET)):
        first = bucket * _BUCKET
        absent = buckets.get(bucket)
        if absent is None:
            yield first, min(first + _BUCKET, end)
            continue
        yield from ((first + one, first + one + 1) for one in absent if first + one < end)
