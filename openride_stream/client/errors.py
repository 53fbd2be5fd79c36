"""What can go wrong for who asks: one tree, with recoverability in the type as everywhere else."""

from dataclasses import dataclass

from openride_stream.errors import OpenRideError, Transient


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one parameter."""

    parameter: str
    detail: str


class ClientError(OpenRideError):
    """Root of everything that a client raises on purpose."""


class Unreachable(ClientError, Transient):
    """There is no whole answer: no connection, one that broke, or a time-out. The message says which."""


class UnexpectedAnswer(ClientError):
    """Something answered with success and with what is no answer of this API."""


class ApiError(ClientError):
    """The API refused, with a problem document (RFC 9457) or, when something in between did, without.

    `status` is the HTTP status, `title` its name, `detail` the reason for people, `kind` the document's
    `type`, `faults` every faulty parameter with what is wrong with it. `retry_after_s` is how many seconds
    to wait before asking again, None where nothing was said.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        kind: str = "about:blank",
        faults: tuple[Fault, ...] = (),
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.kind = kind
        self.faults = faults
        self.retry_after_s = retry_after_s

    @property
    def parameter(self) -> str | None:
        """The first faulty parameter, None when it is not about one."""
        return self.faults[0].parameter if self.faults else None


class InvalidParameter(ApiError):
    """400: a parameter cannot be read. 422: it can, and is out of range or not one of the choices.

    422 without `faults` is a question that is too large for the store's limits: ask for a shorter range.
    """


class Unauthorized(ApiError):
    """401: there is no token, or one that is not known."""


class Forbidden(ApiError):
    """403: the role of the token is too low."""


class NotFound(ApiError):
    """404: there is no such thing, or no such path at this address."""


class TooManyRequests(ApiError, Transient):
    """429: the token was used too often; `retry_after_s` says when it may be used again."""


class Unavailable(ApiError, Transient):
    """503: a store is away, a question took too long, or the worker is starting.

    `retry_after_s` says when to ask again.
    """
