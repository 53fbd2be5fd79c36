"""`GET /v1/workers`: every live worker of the consumer group and what it holds."""

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, Field

from openride_stream.fleet import Fleet
from web.context import Context
from web.endpoint import Endpoint


class HeldPartition(BaseModel):
    """One partition; `lag` is None until its worker has fetched from it."""

    topic: str = Field(description="Topic.")
    partition: int = Field(description="Number of the partition.")
    since: datetime = Field(description="When the worker took it.")
    lag: int | None = Field(description="Records behind the topic's end; null before the first fetch.")
    records_per_s: float = Field(description="Records read a second, lately.")


class Worker(BaseModel):
    """A live worker; `trouble` is None while it reads and stores."""

    worker: str = Field(description="Host and pid.")
    web: str = Field(description="Its own URL, as it knows it.")
    version: str = Field(description="The program's version.")
    started_at: datetime = Field(description="When it started.")
    seen_s_ago: float = Field(description="Seconds since it last reported itself.")
    trouble: str | None = Field(description="Why it does not read or store; null while it does.")
    lag: int = Field(description="Sum over its partitions.")
    records_per_s: float = Field(description="Sum over its partitions.")
    partitions: list[HeldPartition] = Field(description="What it holds.")


class UnheldPartition(BaseModel):
    """A partition that no live worker reads."""

    topic: str = Field(description="Topic.")
    partition: int = Field(description="Number of the partition.")


class Workers(BaseModel):
    """The consumer group."""

    consumer_group: str = Field(description="Its name.")
    workers: list[Worker] = Field(description="Every live worker, the oldest first.")
    unheld: list[UnheldPartition] = Field(description="Partitions that no live worker reads.")


async def _workers(context: Context, query: BaseModel) -> dict[str, Any]:
    del query
    return Fleet.of(await context.runtime.workers.alive(), context.settings).as_json()


_EXAMPLE: Final = {
    "consumer_group": "openride-stream",
    "workers": [
        {
            "worker": "host:4711",
            "web": "http://127.0.0.1:8097",
            "version": "0.1.0",
            "started_at": "2026-11-22T09:00:00.000Z",
            "seen_s_ago": 0.8,
            "trouble": None,
            "lag": 12,
            "records_per_s": 840.5,
            "partitions": [
                {
                    "topic": "openride.events.trip",
                    "partition": 0,
                    "since": "2026-11-22T09:00:04.120Z",
                    "lag": 12,
                    "records_per_s": 840.5,
                }
            ],
        }
    ],
    "unheld": [{"topic": "openride.events.trip", "partition": 1}],
}

ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/v1/workers",
        "admin",
        "Every live worker of the consumer group: its partitions, since when, lag and rate.",
        _workers,
        response=Workers,
        example=_EXAMPLE,
    ),
)
