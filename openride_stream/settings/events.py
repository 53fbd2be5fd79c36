"""Settings of events: what is accepted, how long it is kept, and what becomes of the rest."""

from typing import Final

from pydantic import BaseModel, Field, SecretStr

RAW_DAYS: Final = 90
"""Days of `events_raw` where nobody has said otherwise, as its migration made it."""


class EventSettings(BaseModel):
    """What is accepted, and how long it is kept."""

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
    # Figures, live tables and the archive never read the view, so that no number of days is too few for them;
    # exports of it have the same days, and what is older stands in the six tables.
    retention_raw_days: int = Field(
        RAW_DAYS,
        ge=1,
        le=20_000,
        description="Days that the view `events_raw` shows of what the six event tables keep. No figure "
        "reads it: a smaller number hides events from exports and queries of it, and deletes none. Run "
        "`openride migrate` after a change.",
    )
    retention_dead_letters_days: int = Field(
        90,
        ge=1,
        le=10_000,
        description="Days that dead letters are kept: in ClickHouse, and in the dead-letter topics that we "
        "create.",
    )


class DeadLetterSettings(BaseModel):
    """When a partition is paused, and what is tried again."""

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
