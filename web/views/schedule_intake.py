"""`POST` and `PATCH /v1/schedule-analytics/…`: executions and their updates, by way of their tier's topic."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from openride_stream.api.schedules import Accepted
from openride_stream.errors import BrokerUnavailable
from openride_stream.events.example import EXECUTION_NAME, example
from openride_stream.events.json_schema import execution_schema, update_schema
from openride_stream.events.rejects import RejectClass, Rejection
from openride_stream.events.scalars import UUID_PATTERN
from openride_stream.events.topics import Tier
from openride_stream.schedules.intake import Taken, UnknownExecution
from web.context import Context
from web.endpoint import Body, Endpoint, NoParameters
from web.problems import Fault, Problem, invalid_parameters, unavailable
from web.views.schedules import BASE

logger = logging.getLogger(__name__)

_UNREADABLE: Final = frozenset({RejectClass.MALFORMED_JSON, RejectClass.NOT_AN_OBJECT})
_UNANSWERED: Final = (
    "the brokers did not say that they have the record: send it again, with the same analytics_id (of an "
    "update: event_id) it counts once"
)


def _is_uuid(text: str) -> str:
    if not re.fullmatch(UUID_PATTERN, text):
        raise _no_uuid()
    return text.lower()


def _no_uuid() -> PydanticCustomError:
    return PydanticCustomError("malformed", "must be a UUID")


class UpdateQuery(BaseModel):
    """Which execution."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    analytics_id: Annotated[
        str, AfterValidator(_is_uuid), WithJsonSchema({"type": "string", "format": "uuid"})
    ] = Field(description="The execution.")


def _answer(taken: Taken) -> dict[str, Any]:
    where = taken.where
    return {
        "analytics_id": taken.analytics_id,
        "event_id": taken.event_id,
        "topic": where.topic,
        "partition": where.partition,
        "offset": where.offset,
    }


async def _taken(taking: Awaitable[Taken]) -> dict[str, Any]:
    try:
        return _answer(await taking)
    except Rejection as rejection:
        raise _problem(rejection) from None
    except UnknownExecution as unknown:
        raise Problem(404, str(unknown)) from None
    except BrokerUnavailable as error:
        logger.warning("Not acknowledged", extra={"error": str(error)})
        raise unavailable(_UNANSWERED) from None


def _problem(rejection: Rejection) -> Problem:
    """400 for what is no JSON object, 413 for what is too long, 422 for a record that would be refused."""
    if rejection.reject_class in _UNREADABLE:
        return invalid_parameters(400, [Fault("body", rejection.message)])
    if rejection.reject_class is RejectClass.RECORD_TOO_LARGE:
        return Problem(413, "the body is too large")
    faults = []
    for part in rejection.message.split("; "):
        name, separated, detail = part.partition(": ")
        faults.append(Fault(name, detail) if separated else Fault("body", part))
    return invalid_parameters(422, faults)


def _posting(tier: Tier | None) -> Callable[[Context, NoParameters, bytes], Awaitable[dict[str, Any]]]:
    async def post(context: Context, query: NoParameters, body: bytes) -> dict[str, Any]:
        del query
        return await _taken(context.runtime.schedules.execution(body, tier))

    return post


async def _patch(context: Context, query: UpdateQuery, body: bytes) -> dict[str, Any]:
    return await _taken(context.runtime.schedules.update(query.analytics_id, body))


_EXECUTION: Final = execution_schema()


def _schema(tier: Tier | None) -> dict[str, Any]:
    kept = {name: _EXECUTION[name] for name in ("type", "description", "properties", "required")}
    if tier is None:
        kept["required"] = ["schedule_type", *kept["required"]]
    return {**kept, "additionalProperties": True}


def _sent(tier: Tier) -> Mapping[str, Any]:
    return {**example(EXECUTION_NAME), "schedule_type": tier}


_TOO_MUCH: Final = {413: "The body has more than 1,048,576 bytes."}


def _declared(path: str, summary: str, tier: Tier | None, topic: str) -> Endpoint:
    body = _sent(tier or "redis_immediate")
    analytics_id = body["analytics_id"]
    return Endpoint(
        method="POST",
        path=f"{BASE}/{path}",
        role="admin",
        summary=summary,
        answer=_posting(tier),
        response=Accepted,
        status=202,
        body=Body(_schema(tier), body),
        refusals=_TOO_MUCH,
        example={
            "analytics_id": analytics_id,
            "event_id": analytics_id,
            "topic": topic,
            "partition": 3,
            "offset": 17,
        },
    )


ENDPOINTS: Final = (
    _declared("", "Takes an execution of the tier that it names.", None, "openride.schedules.redis"),
    _declared(
        "mongo/execution",
        "Takes an execution of mongo_periodic.",
        "mongo_periodic",
        "openride.schedules.mongo",
    ),
    _declared(
        "clickhouse/transfer",
        "Takes an execution of clickhouse_delayed.",
        "clickhouse_delayed",
        "openride.schedules.clickhouse",
    ),
    _declared(
        "redis/processing",
        "Takes an execution of redis_immediate.",
        "redis_immediate",
        "openride.schedules.redis",
    ),
    Endpoint(
        method="PATCH",
        path=f"{BASE}/{{analytics_id}}",
        role="admin",
        summary="Takes new values of some fields of an execution; of each field the newest one counts.",
        answer=_patch,
        request=UpdateQuery,
        response=Accepted,
        status=202,
        body=Body(update_schema(), {"execution_result": "success", "retry_count": 1}),
        refusals={404: "No execution has that analytics_id, also after two seconds.", **_TOO_MUCH},
        example={
            "analytics_id": "6f1d0a52-3c1f-4e0a-9d1e-0c8c7a1b2d3e",
            "event_id": "0d9c9a4c-58c5-43f7-8d8e-6ac9b1f0d07e",
            "topic": "openride.schedules.redis",
            "partition": 3,
            "offset": 18,
        },
    ),
)
