"""One tree of errors; recoverability is in the type.

`Transient`: the same call may succeed later, so the caller retries in place.
`Rejected`: this input can never succeed, so it is answered or dead-lettered.
`Fatal`: this process cannot go on, so it exits unacked and is restarted.
"""

from typing import Literal

Limit = Literal["memory", "time", "rows"]
"""What a query took too much of."""


class OpenRideError(Exception):
    """Root of every error that this project raises on purpose."""


class Transient(OpenRideError):
    """A dependency is away or busy; retry with back-off."""


class Rejected(OpenRideError):
    """The input is wrong for good; retrying cannot help."""


class Fatal(OpenRideError):
    """The process must exit, leaving its records unacked."""


class ConfigurationError(Fatal):
    """A setting is missing or contradicts another one; the message names it."""


class StoreUnavailable(Transient):
    """ClickHouse did not answer, timed out, or said that it is overloaded."""


class StoreLimit(StoreUnavailable):
    """ClickHouse gave a query up at a limit of that query: it is not away, and a smaller one would do.

    `limit` says of what. Our own upkeep tries again, as with any trouble of the store; who asks over HTTP is
    told to ask for less.
    """

    def __init__(self, message: str, limit: Limit) -> None:
        super().__init__(message)
        self.limit = limit


class StoreRefused(Rejected):
    """ClickHouse refused the statement or the rows for good.

    `code` is ClickHouse's error code (0 when the answer carried none), `column` the one at fault ("" when
    the answer named none).
    """

    def __init__(self, message: str, code: int = 0, column: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.column = column


class BrokerUnavailable(Transient):
    """Kafka did not answer or did not acknowledge in time."""


class MetadataUnavailable(Transient):
    """The metadata store (PostgreSQL or SQLite) did not answer, is locked, or gave up a conflict."""
