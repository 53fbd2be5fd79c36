"""ClickHouse's errors: their codes, their text and the HTTP status that the real server gives them."""

import re
from enum import IntEnum
from http import HTTPStatus
from typing import Final, Self


class Code(IntEnum):
    """The codes that we raise or look at ourselves; the engine has hundreds more."""

    BAD_ARGUMENTS = 36
    NOT_IMPLEMENTED = 48
    SYNTAX_ERROR = 62
    QUERY_IS_TOO_LARGE = 168
    TOO_MANY_SIMULTANEOUS_QUERIES = 202
    QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING = 216
    ABORTED = 236
    FUNCTION_NOT_ALLOWED = 446
    ACCESS_DENIED = 497
    AUTHENTICATION_FAILED = 516
    UNKNOWN_EXCEPTION = 1002


# fmt: off
_BAD_REQUEST: Final = frozenset({
    6, 7, 15, 16, 25, 26, 27, 36, 38, 41, 43, 44, 53, 62, 69, 70, 72, 117, 118, 190, 216, 349, 376, 427, 441,
    447, 456, 457, 467, 675, 676,
})
# fmt: on
# As the server's HTTP handler maps them; overload is 503 here, so that clients know to come again.
_STATUS_CODES: Final[dict[HTTPStatus, frozenset[int]]] = {
    HTTPStatus.UNAUTHORIZED: frozenset({194}),
    HTTPStatus.FORBIDDEN: frozenset({192, 193, 446, 497, 516}),
    HTTPStatus.BAD_REQUEST: _BAD_REQUEST,
    HTTPStatus.NOT_FOUND: frozenset({46, 47, 50, 56, 60, 63, 73, 81, 82, 115, 153, 183, 511}),
    HTTPStatus.REQUEST_TIMEOUT: frozenset({159}),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: frozenset({168}),
    HTTPStatus.NOT_IMPLEMENTED: frozenset({1, 48}),
    HTTPStatus.SERVICE_UNAVAILABLE: frozenset({76, 202, 209, 236, 439}),
}
_PREFIX: Final = re.compile(r"(?:Code: (\d+)\. DB::Exception: )+")
# The engine wraps its own text again, so that the version and the name come twice.
_SUFFIX: Final = re.compile(r"(?:\s*\(version [^()]*(?:\([^()]*\))?\)\.?)?\s*\(([A-Z0-9_]+)\)\s*$")


class ClickHouseError(Exception):
    """An error as ClickHouse words it: `code`, `name` and the message between them."""

    def __init__(self, code: int, message: str, name: str = "") -> None:
        super().__init__(message)
        self.code = int(code)
        self.name = code.name if isinstance(code, Code) else name
        self.message = message

    @classmethod
    def from_engine(cls, text: str) -> Self:
        """Parse what chDB raised; text that is not ClickHouse's becomes UNKNOWN_EXCEPTION."""
        prefix = _PREFIX.search(text)
        if prefix is None:
            return cls(Code.UNKNOWN_EXCEPTION, text.strip())
        message, name = text[prefix.end() :].strip(), ""
        while suffix := _SUFFIX.search(message):
            name, message = suffix[1], message[: suffix.start()].rstrip()
        return cls(int(prefix[1]), message, name)

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status of this error."""
        for status, codes in _STATUS_CODES.items():
            if self.code in codes:
                return status
        return HTTPStatus.INTERNAL_SERVER_ERROR

    def text(self, version: str) -> str:
        """The body of the answer, one line that ends in a newline."""
        name = f" ({self.name})" if self.name else ""
        return (
            f"Code: {self.code}. DB::Exception: {self.message}{name} (version {version} (official build))\n"
        )
