"""How large the tables are, and what the disks have left for them."""

from dataclasses import dataclass

from openride_stream.clickhouse.client import ClickHouse


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table on the replica that was asked.

    `rows` counts what merges will yet collapse as well; `size_bytes` is what is on its disk, compressed.
    """

    table: str
    rows: int
    size_bytes: int


async def table_sizes(store: ClickHouse, timeout_s: float) -> list[TableSize]:
    """Every table of the database that keeps rows itself; empty ones too.

    Raises:
        StoreUnavailable: ClickHouse did not answer within `timeout_s`.
    """
    rows = await store.select(
        "SELECT name, total_rows AS rows, total_bytes AS size_bytes FROM system.tables "
        "WHERE database = {database:String} AND total_rows IS NOT NULL ORDER BY name",
        {"database": store.database},
        timeout_s=timeout_s,
    )
    return [TableSize(row["name"], int(row["rows"]), int(row["size_bytes"] or 0)) for row in rows]


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """One disk of the replica that was asked."""

    disk: str
    free_bytes: int
    total_bytes: int


async def disk_space(store: ClickHouse, timeout_s: float) -> list[DiskSpace]:
    """Every disk of ClickHouse that knows how large it is: buckets do not.

    Raises:
        StoreUnavailable: ClickHouse did not answer within `timeout_s`.
        StoreRefused: the user may not read `system.disks`.
    """
    rows = await store.select(
        "SELECT name, free_space AS free_bytes, total_space AS total_bytes FROM system.disks "
        "WHERE total_bytes > 0 AND total_bytes < toUInt64(-1) ORDER BY name",
        timeout_s=timeout_s,
    )
    return [DiskSpace(row["name"], int(row["free_bytes"]), int(row["total_bytes"])) for row in rows]
