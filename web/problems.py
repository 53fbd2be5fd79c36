"""What a client is told when a request fails: RFC 9457 problem documents, always.

400 = the request cannot be read (an unknown or repeated parameter, a malformed value).
422 = every value can be read and one of them is not acceptable (out of range, or not one of the choices).
422 is also what a question gets that is too large for the store's limits: asked again, it would be so again.
503 = a store is away, or the question took too long; `Retry-After` says when to ask again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import orjson
from aiohttp import web

from openride_stream.errors import Limit

CONTENT_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5

_TYPE_PREFIX: Final = "urn:openride:problem:"
_TOO_MUCH: Final[dict[Limit, str]] = {
    "memory": "the question needs more of the store's memory than one may take "
    "(OPENRIDE_CLICKHOUSE_QUERY_MEMORY_BYTES): ask for a shorter range",
    "rows": "the question needs more of the store's rows than one may read or give: ask for a shorter range",
    "time": "the question took longer than one may (OPENRIDE_CLICKHOUSE_QUERY_TIMEOUT_S): "
    "ask for a shorter range, or again when the store is less busy",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one parameter."""

    parameter: str
    detail: str


class Problem(Exception):
    """A request that is answered with a problem document.

    `kind` is the stable last part of the document's `type`; None stands for `about:blank`, which means no
    more than the status itself.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str | None = None,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = HTTPStatus(status)
        self.detail = detail
        self.kind = kind
        self.faults = tuple(faults)
        self.headers = dict(headers or {})

    def document(self, path: str) -> dict[str, object]:
        """The members of the problem document for a request of `path`."""
        document: dict[str, object] = {
            "type": _TYPE_PREFIX + self.kind if self.kind else "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "instance": path,
        }
        if self.faults:
            document["errors"] = [
                {"parameter": fault.parameter, "detail": fault.detail} for fault in self.faults
            ]
        return document

    def response(self, path: str) -> web.Response:
        """The HTTP answer."""
        return web.Response(
            status=self.status,
            body=orjson.dumps(self.document(path)),
            content_type=CONTENT_TYPE,
            headers={"Cache-Control": "no-store", **self.headers},
        )


def invalid_parameters(status: int, faults: Sequence[Fault]) -> Problem:
    """400 or 422, naming every parameter that is wrong."""
    detail = "; ".join(f"{fault.parameter}: {fault.detail}" for fault in faults)
    return Problem(status, detail, kind="invalid-parameter", faults=faults)


def unavailable(detail: str) -> Problem:
    """503: the same request may succeed in a moment."""
    return Problem(503, detail, kind="unavailable", headers={"Retry-After": str(RETRY_AFTER_S)})


def beyond(limit: Limit) -> Problem:
    """What a question gets that reached a limit of the store.

    422 of memory and rows, which the same question would need again. 503 of time: how long it takes also
    hangs on what else the store has to do.
    """
    if limit == "time":
        return Problem(
            503, _TOO_MUCH[limit], kind="question-too-slow", headers={"Retry-After": str(RETRY_AFTER_S)}
        )
    return Problem(422, _TOO_MUCH[limit], kind="question-too-large")
