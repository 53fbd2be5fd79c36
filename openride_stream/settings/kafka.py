"""Settings of Kafka."""

from pydantic import BaseModel, Field


class KafkaSettings(BaseModel):
    """Where the brokers are, and how they are read."""

    kafka_bootstrap_servers: str = Field(
        "127.0.0.1:9092", description="Comma-separated host:port list of Kafka brokers."
    )
    kafka_end_offset_probe: bool = Field(
        True,
        description="Ask the broker at start whether its end offsets are true, and mend them when they are "
        "not (the embedded broker's fault; never the case on Apache Kafka).",
    )
    consumer_group: str = Field(
        "openride-stream", description="Consumer group; workers of one group share partitions."
    )
    topic_partitions: int = Field(8, ge=1, description="Partitions of every topic (all must be equal).")
    topic_replication: int = Field(1, ge=1, description="Replication factor of topics that we create.")
    broker_session_timeout_s: float = Field(
        30.0, gt=0, description="A worker silent for this long loses its partitions."
    )
    broker_heartbeat_interval_s: float = Field(
        3.0, gt=0, description="Seconds between a worker's heartbeats."
    )

    fetch_max_wait_ms: int = Field(
        300, ge=1, le=5_000, description="Longest that a broker may hold a fetch for more records to come."
    )
    fetch_min_bytes: int = Field(
        1_048_576,
        ge=1,
        description="A fetch is answered as soon as so many bytes are there: larger batches cost less each "
        "event.",
    )
