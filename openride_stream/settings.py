"""Every setting of the application, in one class.

Each is read from the environment as `OPENRIDE_<NAME>` (or from `.env`). `.env.example` is generated
from this file by `openride doctor --env-example` and a test keeps the two equal.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The application's settings. Units are in the names."""

    model_config = SettingsConfigDict(env_prefix="OPENRIDE_", env_file=".env", extra="ignore", frozen=True)

    # Kafka
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

    # ClickHouse
    clickhouse_url: str = Field("http://127.0.0.1:8123", description="ClickHouse's HTTP interface.")
    clickhouse_user: str = Field("default", description="ClickHouse user.")
    clickhouse_password: SecretStr = Field(SecretStr(""), description="ClickHouse password.")
    clickhouse_database: str = Field(
        "openride_analytics", description="ClickHouse database; migrations create it."
    )
    clickhouse_cluster: str = Field(
        "", description="ClickHouse cluster name; when set, migrations use Replicated engines ON CLUSTER."
    )
    clickhouse_query_timeout_s: float = Field(30.0, gt=0, description="Longest time of one query of the API.")
    clickhouse_query_memory_bytes: int = Field(
        2 * 1024**3,
        ge=1024**2,
        description="Most memory of one query of the API in ClickHouse; what needs more is answered by 422.",
    )
    clickhouse_insert_timeout_s: float = Field(
        60.0, gt=0, description="Longest time of one insert before it is retried."
    )

    # Metadata and cache
    metadata_url: str = Field(
        "sqlite+aiosqlite:///./.openride/metadata.db",
        description="SQLAlchemy URL of the metadata store (sqlite+aiosqlite or postgresql+asyncpg).",
    )
    redis_url: str = Field("", description="Redis URL of the shared cache; empty = a cache in each process.")
    cache_ttl_s: float = Field(
        300.0, ge=0, description="Seconds that a cached answer of metrics may live; 0 caches none."
    )
    cache_ttl_analytics_s: float = Field(
        3_600.0, ge=0, description="The same for analytics. A range that includes now lives 15 s at most."
    )
    cache_max_bytes: int = Field(
        67_108_864, ge=1024, description="Most memory that the cache of one process takes (without Redis)."
    )

    # Events
    currency: str = Field("NGN", pattern=r"^[A-Z]{3}$", description="Currency of an amount that names none.")
    pii_key: SecretStr = Field(
        SecretStr(""),
        description="Key of the HMAC that replaces phone, email, full_name and ip_address. Keep it "
        "secret and constant: a new key makes new pseudonyms. Required.",
    )
    max_record_bytes: int = Field(1_048_576, ge=1024, description="A longer record is dead-lettered.")
    max_ahead_s: int = Field(
        86_400,
        ge=0,
        description="An event_timestamp this far ahead of its record's Kafka timestamp, or of now, is "
        "rejected.",
    )
    # ClickHouse counts expiry in 32-bit seconds: what would expire after 2106 would expire at once.
    retention_events_days: int = Field(
        400, ge=1, le=20_000, description="Days (by event time) that domain events are kept."
    )
    retention_location_days: int = Field(
        30, ge=1, le=20_000, description="Days that location events are kept."
    )
    retention_schedule_days: int = Field(
        90, ge=1, le=20_000, description="Days that schedule executions are kept."
    )
    retention_dead_letters_days: int = Field(
        90,
        ge=1,
        le=10_000,
        description="Days that dead letters are kept: in ClickHouse, and in the dead-letter topics that we "
        "create.",
    )

    # Dead letters
    dlq_max_attempts: int = Field(
        5, ge=1, description="`openride dlq redrive` leaves a record alone that has failed this often."
    )
    dlq_circuit_consecutive: int = Field(
        1_000,
        ge=0,
        description="A partition with this many bad records in a row is paused rather than dead-lettered; 0 "
        "counts none.",
    )
    dlq_circuit_ratio: float = Field(
        0.5,
        gt=0,
        le=1,
        description="A partition is paused as well when this share of its last records is bad.",
    )
    dlq_circuit_window_records: int = Field(
        2_000,
        ge=0,
        description="How many of a partition's last records that share is taken of, at least; 0 takes none.",
    )

    # Sink
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

    # Live tables
    live_hours: int = Field(
        6,
        ge=1,
        le=48,
        description="Hours that the live tables remember a trip whose end has not come, and a booking whose "
        "trip has not started.",
    )
    lag_degraded_s: float = Field(
        5.0,
        gt=0,
        description="Realtime answers say degraded when more records wait, over all workers, than are stored "
        "in so many seconds (and more than a thousand).",
    )

    # Web
    web_host: str = Field("127.0.0.1", description="Address that the web server binds.")
    web_port: int = Field(8097, ge=1, le=65_535, description="Port of the web server.")
    api_tokens: SecretStr = Field(
        SecretStr(""),
        description="Who may call the API: comma-separated name:role:sha256hex, role viewer, analyst or "
        "admin; `openride token new` makes them. Empty, and no JSON Web Tokens either: everyone on this "
        "machine may, and no other address can be bound.",
    )
    api_jwt_secret: SecretStr = Field(
        SecretStr(""),
        description="JSON Web Tokens signed with this (HS256, 32 bytes or more) count beside "
        "OPENRIDE_API_TOKENS. Empty: none do, unless OPENRIDE_API_JWT_JWKS is set.",
    )
    api_jwt_jwks: str = Field(
        "",
        description="JSON Web Tokens signed by a key of this JWKS (RS256 or ES256) count: an https URL, an "
        "http one of this machine, or the path of a file.",
    )
    api_jwt_issuer: str = Field(
        "", description="The `iss` that JSON Web Tokens must have. Required for them."
    )
    api_jwt_audience: str = Field(
        "", description="The `aud` that JSON Web Tokens must have or list. Required for them."
    )
    api_jwt_role_claim: str = Field(
        "role",
        min_length=1,
        description="The claim that names the role: viewer, analyst or admin, or a list of which the highest "
        "counts. Dots lead into nested claims (realm_access.roles).",
    )
    api_requests_per_minute: int = Field(
        3_000,
        ge=0,
        le=60_000,
        description="Requests that one token may make in a minute, over all workers that share a Redis; 0 "
        "sets no limit.",
    )
    api_audit_log: bool = Field(
        True,
        description="Log who asked what: token or subject, role, endpoint, parameters, status, duration; "
        "where tokens are asked for.",
    )
    web_cors_origins: str = Field(
        "",
        description="Origins whose pages may call the API from a browser, comma-separated "
        "(https://app.example.org); * for all, where tokens are asked for. Empty: only our own.",
    )

    # Process
    data_dir: Path = Field(
        Path(".openride"), description="Folder for local files (embedded data, Faust state)."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest level that is logged."
    )
    log_format: Literal["json", "text"] = Field(
        "json", description="One JSON object a line, or text for people."
    )

    @field_validator("data_dir", mode="before")
    @classmethod
    def _named(cls, folder: object) -> object:
        # As a path it would be the present folder.
        if folder == "":
            message = "a folder is needed"
            raise ValueError(message)
        return folder
