"""What `GET /v1/dead-letters` answers."""

from typing import Any

from pydantic import Field

from openride_stream.api.fields import Answer, Moment


class DeadLetterSeen(Answer):
    """One dead letter; `partition` and `offset` are those in the dead-letter topic.

    `fields` are the record's own, personal data replaced; None when the record is no JSON object or too long.
    """

    topic: str = Field(description="The topic that it was refused on.")
    partition: int = Field(description="Partition of the dead-letter topic.")
    offset: int = Field(description="Offset in the dead-letter topic.")
    dead_lettered_at: Moment = Field(description="When it was put there.")
    first_seen: Moment = Field(description="When it was refused for the first time.")
    first_partition: int = Field(description="Where the record first stood.")
    first_offset: int = Field(description="Where the record first stood.")
    first_timestamp: Moment | None = Field(description="The record's own Kafka timestamp.")
    error: str = Field(description="Error class.")
    message: str = Field(description="Names the field and the rule.")
    attempts: int = Field(description="How often it has been refused.")
    worker: str = Field(description="Who refused it.")
    event_type: str | None = Field(description="As far as it can be read.")
    value_bytes: int = Field(description="Length of the record's value.")
    value_sha256: str = Field(description="Hex digest of the record's value.")
    fields: dict[str, Any] | None = Field(
        description="The record's own fields, personal data replaced; null when they cannot be read."
    )
    redriven_at: Moment | None = Field(description="When it was last sent again.")


class DeadLettersPage(Answer):
    """Newest first; `total` counts all that the filters let through."""

    total: int = Field(description="All that the filters let through.")
    limit: int = Field(description="As asked.")
    offset: int = Field(description="As asked.")
    dead_letters: list[DeadLetterSeen] = Field(description="Newest first.")
