"""Executions of the scheduler to be sent, and old ones to be deleted. Role: admin.

What is answered the brokers have; who reads sees it within two seconds. An `analytics_id` (of an update: an
`event_id`) is made where none is given, so that a call that is tried again is the same execution.
"""

from typing import Unpack
from uuid import UUID

from openride_stream.api.schedules import Accepted, Cleanup, ExecutionBody, ExecutionChange, TieredBody
from openride_stream.client.call import get, send

_ID = "analytics_id"


@send("POST", "/v1/schedule-analytics/", Accepted, identity=_ID)
def schedules_send(**execution: Unpack[TieredBody]) -> None:
    """Send an execution of the tier `schedule_type`."""


@send("POST", "/v1/schedule-analytics/", Accepted, identity=_ID, fixed={"level": "warning"})
def schedules_warning(**execution: Unpack[TieredBody]) -> None:
    """Send an execution of level warning."""


@send(
    "POST",
    "/v1/schedule-analytics/",
    Accepted,
    identity=_ID,
    fixed={"level": "error", "execution_result": "failure"},
)
def schedules_error(**execution: Unpack[TieredBody]) -> None:
    """Send an execution of level error that failed, unless another `execution_result` is given."""


@send("POST", "/v1/schedule-analytics/mongo/execution", Accepted, identity=_ID)
def schedules_mongo_execution(**execution: Unpack[ExecutionBody]) -> None:
    """Send an execution of mongo_periodic."""


@send("POST", "/v1/schedule-analytics/clickhouse/transfer", Accepted, identity=_ID)
def schedules_clickhouse_transfer(**execution: Unpack[ExecutionBody]) -> None:
    """Send an execution of clickhouse_delayed."""


@send("POST", "/v1/schedule-analytics/redis/processing", Accepted, identity=_ID)
def schedules_redis_processing(**execution: Unpack[ExecutionBody]) -> None:
    """Send an execution of redis_immediate."""


@send("PATCH", "/v1/schedule-analytics/{analytics_id}", Accepted, identity="event_id")
def schedules_update(*, analytics_id: UUID | str, **change: Unpack[ExecutionChange]) -> None:
    """Change some fields of an execution; of each field the newest value counts."""


@get("/v1/schedule-analytics/cleanup", Cleanup, method="DELETE")
def schedules_cleanup(*, days_to_keep: int, dry_run: bool = False) -> None:
    """Delete what started before the last `days_to_keep` (1 to 365) UTC days, or say what would go."""
