"""Settings of ClickHouse, the metadata store and the cache."""

from pydantic import BaseModel, Field, SecretStr


class ClickHouseSettings(BaseModel):
    """Where ClickHouse is, and what it may take."""

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


class MetadataSettings(BaseModel):
    """The metadata store and the cache of answers."""

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
    cache_look_s: float = Field(
        1.0,
        ge=0,
        le=60,
        description="What was stored is looked at anew after so many seconds: an answer may be that much "
        "behind the store. 0 looks at every question.",
    )
    cache_max_bytes: int = Field(
        67_108_864, ge=1024, description="Most memory that the cache of one process takes (without Redis)."
    )
