"""Who is alive: each worker keeps a row of its own fresh, and a row that is not kept fresh is a dead worker.

The broker knows the members of a consumer group as well, but not since when each holds what, nor how fast
it reads; and the embedded broker tells nothing but their ids. Freshness is judged by the store's clock
alone: a worker whose clock is wrong neither vanishes nor outlives itself.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Integer, delete, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from openride_stream.metadata.engine import Metadata
from openride_stream.metadata.models import WorkerSeat

# By then nobody looks for the row any more.
_KEPT_MS: Final = 3_600_000
_NOW_MS: Final = {
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
}


@dataclass(frozen=True, slots=True)
class Holding:
    """One partition that a worker reads.

    `since_ms` is when it got the partition (milliseconds since the epoch, the worker's clock); `lag` is the
    log end less the committed offset in messages, None before the first fetch; `records_per_s` how fast
    its records became durable of late.
    """

    topic: str
    partition: int
    since_ms: int
    lag: int | None
    records_per_s: float


@dataclass(frozen=True, slots=True)
class Seat:
    """A worker as it reports itself; `trouble` is None while it reads and stores."""

    worker: str
    web: str
    version: str
    started_at: datetime
    trouble: str | None
    holdings: Sequence[Holding]


@dataclass(frozen=True, slots=True)
class LiveWorker:
    """A seat that is fresh, `seen_s_ago` seconds after it was last kept so."""

    seat: Seat
    seen_s_ago: float


class Workers:
    """The live workers of one consumer group. Methods raise `MetadataUnavailable` when the store is away."""

    def __init__(self, metadata: Metadata, consumer_group: str) -> None:
        self._metadata = metadata
        self._group = consumer_group

    def _now_ms(self) -> ColumnElement[int]:
        return literal_column(_NOW_MS[self._metadata.dialect], Integer)

    async def keep(self, seat: Seat, lifetime_s: float) -> None:
        """Say that `seat.worker` lives for `lifetime_s` more; what has long been dead is removed."""
        reported = self._reported(seat) | {"expires_ms": self._now_ms() + round(lifetime_s * 1000)}
        # The two classes differ in name only; their common base does not declare on_conflict.
        insert = postgresql.insert if self._metadata.dialect == "postgresql" else sqlite.insert
        statement = insert(WorkerSeat).values(worker=seat.worker, **reported)

        async def keep(connection: AsyncConnection) -> None:
            await connection.execute(
                statement.on_conflict_do_update(index_elements=[WorkerSeat.worker], set_=reported)
            )
            await connection.execute(
                delete(WorkerSeat).where(WorkerSeat.expires_ms < self._now_ms() - _KEPT_MS)
            )

        await self._metadata.write(keep)

    def _reported(self, seat: Seat) -> dict[str, Any]:
        return {
            "consumer_group": self._group,
            "web": seat.web,
            "version": seat.version,
            "started_at": seat.started_at,
            "trouble": seat.trouble,
            "holdings": orjson.dumps([asdict(holding) for holding in seat.holdings]).decode(),
            "seen_ms": self._now_ms(),
        }

    async def leave(self, worker: str) -> None:
        """The worker stops: it is dead at once."""

        async def leave(connection: AsyncConnection) -> None:
            await connection.execute(delete(WorkerSeat).where(WorkerSeat.worker == worker))

        await self._metadata.write(leave)

    async def alive(self) -> list[LiveWorker]:
        """Every worker of the group that kept its seat, the oldest first."""
        now_ms = self._now_ms()
        statement = (
            select(WorkerSeat.__table__, (now_ms - WorkerSeat.seen_ms).label("age_ms"))
            .where(WorkerSeat.consumer_group == self._group, WorkerSeat.expires_ms > now_ms)
            .order_by(WorkerSeat.started_at, WorkerSeat.worker)
        )

        async def rows(connection: AsyncConnection) -> Sequence[Any]:
            return (await connection.execute(statement)).all()

        found = await self._metadata.read(rows)
        return [LiveWorker(_seat(row), max(0, row.age_ms) / 1000) for row in found]


def _seat(row: Any) -> Seat:
    return Seat(
        worker=row.worker,
        web=row.web,
        version=row.version,
        started_at=row.started_at,
        trouble=row.trouble,
        holdings=[Holding(**holding) for holding in orjson.loads(row.holdings)],
    )
