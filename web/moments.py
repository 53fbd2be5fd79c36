"""Points in time as clients write them: ISO 8601, UTC where no offset is given."""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

# No event is older than the first, and ClickHouse's day numbers reach beyond the second.
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
LATEST_MS: Final = int(LATEST.timestamp()) * 1000


def moment_ms(text: object) -> int:
    """Milliseconds since the epoch of an ISO 8601 date or date and time.

    A date alone is its midnight in UTC. What is finer than a millisecond is rounded up, because bounds
    are compared with event times, which have whole milliseconds.

    Raises:
        PydanticCustomError: `malformed`, or `out_of_range` before 2000 or after 2099.
    """
    # `fromisoformat` takes any one character between date and time, and stops reading at a NUL.
    if not isinstance(text, str) or not (text.isascii() and text.isprintable()):
        raise _malformed()
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _malformed() from None
    if not EARLIEST <= moment <= LATEST:
        raise _out_of_range()
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    whole_us = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return -(-whole_us // 1000)


def _malformed() -> PydanticCustomError:
    return PydanticCustomError(
        "malformed",
        "must be an ISO 8601 date or date and time, such as 2026-01-31 or 2026-01-31T08:30:00Z "
        "(a + in an offset is written %2B in a URL)",
    )


def _out_of_range() -> PydanticCustomError:
    return PydanticCustomError("out_of_range", "must lie between 2000-01-01 and 2100-01-01")


MomentMs = Annotated[
    int, BeforeValidator(moment_ms), WithJsonSchema({"type": "string", "format": "date-time"})
]
