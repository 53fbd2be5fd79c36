"""`GET /v1/dead-letters`: what could not be stored, masked, from its table in ClickHouse."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from openride_stream.api.dead_letters import DeadLettersPage
from openride_stream.clickhouse.queries.dead_letters import DeadLetterQuestion, dead_letters
from openride_stream.events.topics import BY_NAME
from web.context import Context
from web.endpoint import Endpoint
from web.moments import MomentMs
from web.problems import Fault, invalid_parameters


def _known_topic(topic: str) -> str:
    if topic not in BY_NAME:
        raise _unknown_topic()
    return topic


def _unknown_topic() -> PydanticCustomError:
    return PydanticCustomError("out_of_range", "must be a source topic, such as openride.events.user")


Topic = Annotated[
    str, AfterValidator(_known_topic), WithJsonSchema({"type": "string", "enum": list(BY_NAME)})
]


class DeadLettersQuery(BaseModel):
    """Filters and paging. Moments are milliseconds since the epoch once parsed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: Topic | None = Field(None, description="Only those of this source topic.")
    error: str | None = Field(None, max_length=100, description="Only those of this error class.")
    event_type: str | None = Field(None, max_length=100, description="Only those of this event type.")
    start_date: MomentMs | None = Field(None, description="Dead-lettered then or later (ISO 8601).")
    end_date: MomentMs | None = Field(None, description="Dead-lettered before then (ISO 8601).")
    limit: int = Field(100, ge=1, le=1_000, description="At most so many dead letters in the answer.")
    offset: int = Field(0, ge=0, le=1_000_000, description="How many of the newest to leave out.")


async def _dead_letters(context: Context, query: DeadLettersQuery) -> dict[str, Any]:
    if query.start_date is not None and query.end_date is not None and query.start_date >= query.end_date:
        raise invalid_parameters(422, [Fault("end_date", "must lie after start_date")])
    question = DeadLetterQuestion(
        limit=query.limit,
        skip=query.offset,
        topic=query.topic,
        error=query.error,
        event_type=query.event_type,
        start_ms=query.start_date,
        end_ms=query.end_date,
    )
    return await dead_letters(context.runtime.store, question)


_EXAMPLE: Final = {
    "total": 1,
    "limit": 100,
    "offset": 0,
    "dead_letters": [
        {
            "topic": "openride.events.user",
            "partition": 3,
            "offset": 17,
            "dead_lettered_at": "2026-01-31T08:30:00.250Z",
            "first_seen": "2026-01-31T08:30:00.250Z",
            "first_partition": 3,
            "first_offset": 90210,
            "first_timestamp": "2026-01-31T08:30:00.113Z",
            "error": "InvalidField",
            "message": "role: Input should be 'RIDER', 'DRIVER' or 'ADMIN'",
            "attempts": 1,
            "worker": "host:4711",
            "event_type": "user.registered",
            "value_bytes": 214,
            "value_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "fields": {"event_type": "user.registered", "phone": "5e1f…", "role": "PILOT"},
            "redriven_at": None,
        }
    ],
}

ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/dead-letters",
        role="admin",
        summary="Records that could not be stored, with the reason, newest first; personal data masked.",
        answer=_dead_letters,
        request=DeadLettersQuery,
        response=DeadLettersPage,
        example=_EXAMPLE,
    ),
)
