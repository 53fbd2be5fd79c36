"""Settings of the way from Kafka to the tables."""

from importlib.util import find_spec
from typing import Literal

from pydantic import BaseModel, Field, field_validator


class SinkSettings(BaseModel):
    """When rows are written, and how many may wait."""

    flush_rows: int = Field(50_000, ge=1, description="Flush when this many rows are waiting.")
    flush_interval_ms: int = Field(500, ge=1, description="Flush when the oldest waiting row is this old.")
    unacked_rows_limit: int = Field(
        200_000,
        ge=1,
        description="Rows read but not yet durable, over all partitions; reading pauses above it.",
    )
    unacked_bytes_limit: int = Field(
        268_435_456, ge=1, description="The same limit in bytes of rows; whichever is reached first."
    )
    drain_timeout_s: float = Field(
        5.0, gt=0, description="Longest wait for rows in flight to become durable at a stop or a rebalance."
    )
    stall_timeout_s: float = Field(
        120.0,
        gt=0,
        description="A worker that commits nothing for this long, although records wait and ClickHouse "
        "answers, ends and is restarted.",
    )
    retry_backoff_min_ms: int = Field(
        200, ge=1, description="First pause before a transient store error is retried."
    )
    retry_backoff_max_ms: int = Field(10_000, ge=1, description="Longest pause between retries.")
    preaggregation_interval_s: float = Field(
        30.0, gt=0, description="Seconds between two rounds that recompute the days that events have touched."
    )


class LiveSettings(BaseModel):
    """The live tables."""

    live_hours: int = Field(
        6,
        ge=1,
        le=48,
        description="Hours that the live tables remember a trip whose end has not come, and a booking whose "
        "trip has not started.",
    )
    live_store: Literal["memory", "rocksdb"] = Field(
        "memory",
        description="Where a worker keeps the live tables: in memory, read from their changelog at each "
        "start; or in RocksDB in the data folder as well (extra `rocksdb`), so that a start reads only what "
        "came since.",
    )
    lag_degraded_s: float = Field(
        5.0,
        gt=0,
        description="Realtime answers say degraded when more records wait, over all workers, than are stored "
        "in so many seconds (and more than a thousand).",
    )

    @field_validator("live_store")
    @classmethod
    def _is_installed(cls, store: str) -> str:
        if store == "rocksdb" and find_spec("rocksdict") is None:
            message = "rocksdb needs the package rocksdict: pip install 'openride-stream[rocksdb]'"
            raise ValueError(message)
        return store
