"""`GET /v1/workers`: every live worker of the consumer group and what it holds."""

from typing import Any, Final

from pydantic import BaseModel

from openride_stream.api.operations import Workers
from openride_stream.fleet import Fleet
from web.context import Context
from web.endpoint import Endpoint


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
