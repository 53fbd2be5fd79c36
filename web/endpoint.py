"""One declaration an endpoint; routes, documentation and the contract tests are made from it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from web.push import Push

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Role = Literal["viewer", "analyst", "admin"]

JSON = "application/json"
REVALIDATED: Final[Mapping[int, str]] = {304: "The client has it (`If-None-Match`)."}
"""For `Endpoint.others`, where answers carry an `ETag`."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is more than a JSON body with status 200.

    `body` is bytes as they are, an iterator of bytes that are sent as they come, a file that is kept
    (`Kept`), or anything that orjson writes; None is no body. With an `etag`, a client that has the same one
    gets 304 and no body.
    """

    body: bytes | AsyncIterator[bytes] | Any
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """What an endpoint takes besides parameters: a JSON object.

    `schema` is its JSON Schema, `example` one that is accepted. The function that answers gets the bytes, and
    says what is wrong with them.
    """

    schema: Mapping[str, Any]
    example: Mapping[str, Any]


class NoParameters(BaseModel):
    """The request model of an endpoint that takes none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Answer = Callable[..., Awaitable[Reply | dict[str, Any]]]
"""Takes the context, the request model, what the body holds where the endpoint has one, then the caller where
it `asks_who`."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Method, path, who may call it, what it takes and gives.

    `role` None means that no token is needed, ever. `request` holds query and path parameters and forbids
    others. `body` is a JSON object in the body: the model that it is read by, or a `Body` whose bytes the
    function reads itself. `status` is that of success: 204 has no answer. `response` is None where the answer
    has no model of its own; then `content_type` says what it is. `others` are further statuses that it gives
    on purpose, with the same kind of body or none, and when; `refusals` are statuses of problem documents
    that others do not give. `push` is set where the answer goes on for as long as somebody listens.
    """

    method: Method
    path: str
    role: Role | None
    summary: str
    answer: Answer
    request: type[BaseModel] = NoParameters
    response: type[BaseModel] | None = None
    example: Mapping[str, Any] | None = None
    content_type: str = JSON
    others: Mapping[int, str] = field(default_factory=dict)
    refusals: Mapping[int, str] = field(default_factory=dict)
    status: int = 200
    body: Body | type[BaseModel] | None = None
    asks_who: bool = False
    push: Push | None = None
