"""What the endpoints of schedule executions answer: single executions, and pages of them."""

from datetime import datetime
from typing import TYPE_CHECKING, Required, TypedDict
from uuid import UUID

from pydantic import Field

from openride_stream.api.choices import ExecutionResult, ScheduleLevel, ScheduleTier
from openride_stream.api.fields import Answer, Moment
from openride_stream.api.frames import table_of

if TYPE_CHECKING:
    from pandas import DataFrame


class Execution(Answer):
    """One execution of a schedule, with what its updates made of it. What nobody has sent is null."""

    analytics_id: UUID = Field(description="Identity of the execution.")
    schedule_type: ScheduleTier = Field(description="Tier that executed it.")
    schedule_id: str = Field(description="The schedule.")
    schedule_name: str | None = Field(description="Its name, for people.")
    level: ScheduleLevel = Field(description="As sent, else as the result implies.")
    event_type: str = Field(description="What was executed, in the producer's words.")
    event_action: str = Field(description="What was done, in the producer's words.")
    event_entity_id: str | None = Field(description="What it was done to.")
    correlation_id: str = Field(description="Shared by the executions of one way over the tiers.")
    scheduled_at: Moment = Field(description="When it was due.")
    started_processing_at: Moment = Field(description="When its processing started: its event time.")
    completed_at: Moment = Field(description="When it ended, else when its record was written.")
    execution_result: ExecutionResult = Field(description="How it ended.")
    retry_count: int | None = Field(description="How many tries came before.")
    error_message: str | None = Field(description="Why it failed.")
    time_in_mongo_queue_ms: int | None = Field(description="Milliseconds in the queue of mongo_periodic.")
    time_in_clickhouse_queue_ms: int | None = Field(
        description="Milliseconds in the queue of clickhouse_delayed."
    )
    time_in_redis_queue_ms: int | None = Field(description="Milliseconds in the queue of redis_immediate.")
    total_processing_time_ms: int = Field(description="Milliseconds, as sent, else from start to end.")
    kafka_publish_time_ms: int | None = Field(description="Milliseconds that publishing to Kafka took.")
    processed_by_node: str | None = Field(description="Node of the scheduler.")
    kafka_topic: str | None = Field(description="Where the scheduler published it.")
    kafka_partition: int | None = Field(description="Partition there.")
    kafka_offset: int | None = Field(description="Offset there.")
    source_mongo_execution_id: str | None = Field(description="Execution of mongo_periodic it came from.")
    source_clickhouse_id: str | None = Field(description="Execution of clickhouse_delayed it came from.")
    source_redis_key: str | None = Field(description="Key in Redis it came from.")


class ExecutionsPage(Answer):
    """Executions, newest first; of one `started_processing_at` the larger analytics_id first."""

    executions: list[Execution] = Field(description="Newest first.")
    next_cursor: str | None = Field(description="`cursor` of the next page; null at the end.")

    def to_dataframe(self) -> "DataFrame":
        """A row an execution in the order of the answer, the fields of `Execution` as columns.

        Raises:
            ImportError: pandas is not installed.
        """
        return table_of(Execution, self.executions)


class ExecutionChange(TypedDict, total=False):
    """Fields of an execution that an update may change. Times without an offset are UTC."""

    schedule_name: str | None
    level: ScheduleLevel | None
    event_entity_id: str | None
    completed_at: datetime | str | None
    execution_result: ExecutionResult | None
    retry_count: int | None
    error_message: str | None
    time_in_mongo_queue_ms: int | None
    time_in_clickhouse_queue_ms: int | None
    time_in_redis_queue_ms: int | None
    total_processing_time_ms: int | None
    kafka_publish_time_ms: int | None
    processed_by_node: str | None
    kafka_topic: str | None
    kafka_partition: int | None
    kafka_offset: int | None
    source_mongo_execution_id: str | None
    source_clickhouse_id: str | None
    source_redis_key: str | None


class ExecutionBody(ExecutionChange, total=False):
    """An execution to be sent."""

    schedule_id: Required[str]
    event_type: Required[str]
    event_action: Required[str]
    correlation_id: Required[str]
    scheduled_at: Required[datetime | str]
    started_processing_at: Required[datetime | str]
    analytics_id: UUID | str | None
    schema_version: int | None
    city: str | None
    state: str | None


class TieredBody(ExecutionBody):
    """An execution that says its tier."""

    schedule_type: ScheduleTier


class Accepted(Answer):
    """A record that the brokers have; readers see it within two seconds."""

    analytics_id: UUID = Field(description="Identity of the execution.")
    event_id: UUID = Field(description="Identity of the record: of an execution its analytics_id.")
    topic: str = Field(description="Topic of the tier that took it.")
    partition: int = Field(description="Partition of the topic.")
    offset: int = Field(description="Offset in the partition.")


class Cleanup(Answer):
    """What a clean-up deletes, or would."""

    before: Moment = Field(description="Executions that started before it go: the midnight of a UTC day.")
    dry_run: bool = Field(description="Whether nothing was deleted.")
    executions: int = Field(description="Distinct executions that went, or would.")
    months_dropped: list[str] = Field(description="Whole months that went as partitions (YYYYMM).")
