"""Records of the three `openride.schedules.*` topics: executions, and partial updates of them."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field

from openride_stream.events.scalars import (
    Id,
    NonEmptyText,
    Partition,
    Text,
    Timestamp,
    UInt32,
    UInt53,
)
from openride_stream.events.topics import Tier
from openride_stream.events.types_common import Guarded

Level = Literal["info", "warning", "error"]
Result = Literal["success", "failure", "timeout", "cancelled", "retry"]


class ScheduleFields(Guarded):
    """What a later update may change, and an execution may leave out."""

    schedule_type: NotRequired[Tier | None]
    schedule_name: NotRequired[Text | None]
    level: NotRequired[Level | None]
    event_entity_id: NotRequired[Text | None]
    completed_at: NotRequired[Timestamp | None]
    retry_count: NotRequired[UInt32 | None]
    error_message: NotRequired[Text | None]
    time_in_mongo_queue_ms: NotRequired[UInt53 | None]
    time_in_clickhouse_queue_ms: NotRequired[UInt53 | None]
    time_in_redis_queue_ms: NotRequired[UInt53 | None]
    total_processing_time_ms: NotRequired[UInt53 | None]
    kafka_publish_time_ms: NotRequired[UInt53 | None]
    processed_by_node: NotRequired[Text | None]
    kafka_topic: NotRequired[Text | None]
    kafka_partition: NotRequired[Partition | None]
    kafka_offset: NotRequired[UInt53 | None]
    source_mongo_execution_id: NotRequired[Text | None]
    source_clickhouse_id: NotRequired[Text | None]
    source_redis_key: NotRequired[Text | None]


class ScheduleExecution(ScheduleFields):
    """One execution of a schedule. `event_type` is the producer's own word for what was executed."""

    schedule_id: NonEmptyText
    event_type: NonEmptyText
    event_action: NonEmptyText
    correlation_id: NonEmptyText
    scheduled_at: Timestamp
    started_processing_at: Timestamp
    analytics_id: NotRequired[Id | None]
    execution_result: NotRequired[Annotated[Result | None, Field(default="success")]]
    schema_version: NotRequired[Annotated[UInt32 | None, Field(default=1)]]
    city: NotRequired[Text | None]
    state: NotRequired[Text | None]
    update: NotRequired[Literal[False] | None]


class ScheduleUpdate(ScheduleFields):
    """New values for some fields of the execution that `analytics_id` names; no defaults apply."""

    analytics_id: Id
    event_id: NotRequired[Id | None]
    execution_result: NotRequired[Result | None]
    update: Literal[True]
