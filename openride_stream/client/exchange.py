"""What both clients do with an answer, free of how it came: read it, refuse it, wait before asking again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from openride_stream.api.fields import Answer
from openride_stream.api.notes import HEADER, from_header
from openride_stream.client.call import Call, Nothing
from openride_stream.client.errors import (
    ApiError,
    Fault,
    Forbidden,
    InvalidParameter,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)

A = TypeVar("A", bound=BaseModel)

_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
_ERRORS: Final[Mapping[int, type[ApiError]]] = {
    400: InvalidParameter,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    422: InvalidParameter,
    429: TooManyRequests,
    503: Unavailable,
}
_UNTOLD_S: Final = 1
_LONGEST_SECONDS: Final = 9


@dataclass(frozen=True, slots=True)
class Retry:
    """How often to ask again after a 429 or a 503, and how many seconds to wait for it at most, each time."""

    retries: int
    max_wait_s: float

    def wait_s(self, error: ApiError, retried: int) -> float | None:
        """Seconds to wait before asking again; None when the error is to be raised instead."""
        if not isinstance(error, TooManyRequests | Unavailable) or retried >= self.retries:
            return None
        wait_s = _UNTOLD_S if error.retry_after_s is None else error.retry_after_s
        # To ask sooner than told would be refused again.
        return None if wait_s > self.max_wait_s else wait_s


def headers_of(token: str | None) -> dict[str, str]:
    """What every request carries.

    Raises:
        ValueError: no token is like that. It is not repeated: errors are shown and kept.
    """
    # Read from a file it ends with a newline.
    bare = (token or "").strip()
    if not (bare.isascii() and bare.isprintable()):
        message = "the token holds a line break or what is not ASCII: it cannot be sent"
        raise ValueError(message)
    return {"Authorization": f"Bearer {bare}"} if bare else {}


@contextmanager
def reaching(address: httpx.URL) -> Iterator[None]:
    """Tell of connections that fail, break or take too long by one error.

    Raises:
        Unreachable: instead of whatever httpx raises for it.
    """
    try:
        yield
    except httpx.RequestError as error:
        # Without what a URL may carry in front of the host: that is a password.
        message = f"{address.scheme}://{address.netloc.decode()}: {str(error) or type(error).__name__}"
        raise Unreachable(message) from error


@contextmanager
def saving(to: Path) -> Iterator[BinaryIO]:
    """A file to write an answer to, which is at `to` once it is whole, and nowhere before."""
    part = to.with_name(f"{to.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)


def outcome(call: Call[A], response: httpx.Response) -> A | ApiError:
    """The answer, or the refusal for the caller to raise or to wait out; the body must have been read.

    Raises:
        UnexpectedAnswer: see `parsed`.
    """
    answers = response.is_success or (response.status_code in call.others and _kind(response) == _JSON)
    if not answers:
        return refusal(response)
    if call.answer is Nothing:
        return call.answer()
    answer = parsed(call.answer, response.content)
    if isinstance(answer, Answer):
        answer._notes = from_header(response.headers.get(HEADER))
    return answer


def parsed(kind: type[A], body: bytes) -> A:
    """The answer in a body. Fields that a newer server may have added are left out.

    Raises:
        UnexpectedAnswer: it is none of that kind.
    """
    try:
        return kind.model_validate_json(body, extra="ignore")
    except ValidationError as error:
        message = f"this is no {kind.__name__} of OpenRide Stream: {error}"
        raise UnexpectedAnswer(message) from error


def refusal(response: httpx.Response) -> ApiError:
    """What an answer that is none says, as the error of its status."""
    problem = _problem(response)
    status = response.status_code
    return _ERRORS.get(status, ApiError)(
        status,
        str(problem.get("title") or response.reason_phrase),
        str(
            problem.get("detail")
            or f"from {response.url.copy_with(query=None, userinfo=b'')}, without a reason"
        ),
        kind=str(problem.get("type", "about:blank")),
        faults=tuple(_faults(problem)),
        retry_after_s=_seconds(response.headers.get("Retry-After", "")),
    )


def _kind(response: httpx.Response) -> str:
    kind: str = response.headers.get("Content-Type", "")
    return kind.partition(";")[0].strip().lower()


def _problem(response: httpx.Response) -> Mapping[str, Any]:
    if _kind(response) != _PROBLEM:
        return {}
    try:
        problem = response.json()
    except (ValueError, RecursionError):
        return {}
    return problem if isinstance(problem, dict) else {}


def _faults(problem: Mapping[str, Any]) -> Iterator[Fault]:
    errors = problem.get("errors")
    for fault in errors if isinstance(errors, list) else []:
        if isinstance(fault, dict):
            yield Fault(str(fault.get("parameter")), str(fault.get("detail")))


def _seconds(text: str) -> int | None:
    """Only seconds: what a date means hangs on two clocks."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_SECONDS else None
