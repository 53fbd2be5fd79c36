"""The scalar types that event fields are made of, as pydantic validates them from JSON.

Everything that can be checked in pydantic's Rust core is (patterns, bounds); only money and timestamps
need Python, since their stored form differs from the one that is sent. JSON is read strictly: a number
is never taken for a string, nor a string or a boolean for a number. Messages never repeat the input.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic import StringConstraints as Chars
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

INT32_MAX: Final = 2**31 - 1
UINT32_MAX: Final = 2**32 - 1
SAFE_INTEGER_MAX: Final = 2**53 - 1
"""Largest integer that every JSON reader holds exactly (RFC 8259 section 6)."""

_NAIVE_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # UTC; arithmetic with zones is ten times slower
_MOMENTS: Final = 100_000
_LONGEST_KEPT: Final = 24
FIRST_TIMESTAMP_MS: Final = 946_684_800_000
"""2000-01-01, the contract's first event time."""
END_TIMESTAMP_MS: Final = 4_102_444_800_000
"""2100-01-01, exclusive: ClickHouse's 32-bit seconds, by which rows expire, end in 2106, its days in 2149."""

UUID_PATTERN: Final = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
UUID_MESSAGE: Final = "Input should be a UUID of 32 hexadecimal digits in groups of 8-4-4-4-12"
TIMESTAMP_PATTERN: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?$"
)
TIMESTAMP_MESSAGE: Final = "Input should be an RFC 3339 time from 2000-01-01 to before 2100-01-01"
MONEY_PATTERN: Final = r"^[0-9]{1,16}(\.[0-9]{1,2})?$"
MONEY_NUMBER_END: Final = 1e13
"""Above this, exclusive, a double cannot hold two decimals, so that the amount has to come as a string."""
MONEY_MESSAGE: Final = (
    "Input should be a decimal of at least 0 and below 1e16 with at most two places "
    "(as a string when it has decimals and is 1e13 or more)"
)
AMOUNT_MAX: Final = 1e9
"""Largest duration, distance, speed or accuracy: millions of them add up without losing a hundredth."""
_TIMESTAMP: Final = "timestamp"
_STORED_UUID_PATTERN: Final = UUID_PATTERN.replace("a-fA-F", "a-f")
_STORED_MONEY_PATTERN: Final = r"^(0|[1-9][0-9]{0,15})\.[0-9]{2}$"
_MONEY_TEXT: Final = re.compile(MONEY_PATTERN.rstrip("$") + r"\Z")


class _Moments(dict[str, int]):
    """What parts of timestamps stand for, in ms: the same ones come again and again."""

    def __init__(self, parse: Callable[[str], int]) -> None:
        self._parse = parse

    def __missing__(self, text: str) -> int:
        ms = self._parse(text)
        if len(text) <= _LONGEST_KEPT:
            if len(self) >= _MOMENTS:
                self.clear()
            self[text] = ms
        return ms


def _minute_ms(text: str) -> int:
    """Of `2026-11-22T18:33:`, read as UTC."""
    since = datetime.fromisoformat(text[:16]) - _NAIVE_EPOCH
    return since.days * 86_400_000 + since.seconds * 1000


def _rest_ms(text: str) -> int:
    """Of `40.479Z` or `40+01:00`: what is to be added to the minute."""
    seconds, _, zone = text.partition(_zone_mark(text))
    whole, _, fraction = seconds.partition(".")
    ms = int(whole) * 1000 + int(fraction[:3].ljust(3, "0"))
    if not zone:
        return ms
    hours, minutes = zone.split(":")
    offset_ms = (int(hours) * 60 + int(minutes)) * 60_000
    return ms - offset_ms if "+" in text else ms + offset_ms


def _zone_mark(text: str) -> str:
    return next((mark for mark in "Zz+-" if mark in text), "Z")


_MINUTES: Final = _Moments(_minute_ms)
_RESTS: Final = _Moments(_rest_ms)


def epoch_ms(text: str) -> int:
    """Milliseconds since the epoch of `text`, which must match `TIMESTAMP_PATTERN`.

    Without an offset it is UTC. Digits below the millisecond are cut off, not rounded, so that an event
    never moves into the next second.

    Raises:
        ValueError: no such day, or outside 2000-01-01 (inclusive) to 2100-01-01 (exclusive).
    """
    ms = _MINUTES[text[:17]] + _RESTS[text[17:]]
    if not FIRST_TIMESTAMP_MS <= ms < END_TIMESTAMP_MS:
        raise ValueError(TIMESTAMP_MESSAGE)
    return ms


def _timestamp(text: str) -> int:
    try:
        return epoch_ms(text)
    except ValueError:
        raise PydanticCustomError(_TIMESTAMP, TIMESTAMP_MESSAGE) from None


def _money(amount: object) -> str:
    """The amount as a decimal string with two places; sent as a string or a JSON number."""
    if type(amount) is str and _MONEY_TEXT.match(amount):
        units, _, cents = amount.partition(".")
        return f"{int(units)}.{cents:0<2}"
    if type(amount) is int and 0 <= amount < 10**16:
        return f"{amount}.00"
    if type(amount) is float and 0 <= amount < MONEY_NUMBER_END:
        text = f"{abs(amount):.2f}"
        if float(text) == amount:
            return text
    raise ValueError(MONEY_MESSAGE)


@dataclass(frozen=True, slots=True)
class _Identity:
    """Marks a UUID, which becomes lower case; nearly all come so, and a copy costs as much as the check."""

    def __get_pydantic_core_schema__(self, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        stored = core_schema.str_schema(pattern=_STORED_UUID_PATTERN)
        return core_schema.union_schema(
            [stored, core_schema.str_schema(pattern=UUID_PATTERN, to_lower=True)],
            mode="left_to_right",
            custom_error_type="uuid_text",
            custom_error_message=UUID_MESSAGE,
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        del schema, handler
        return {"type": "string", "pattern": UUID_PATTERN}


@dataclass(frozen=True, slots=True)
class _Moment:
    """Marks a timestamp that is sent as RFC 3339 text and becomes integer milliseconds."""

    def __get_pydantic_core_schema__(self, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.no_info_after_validator_function(
            _timestamp, core_schema.str_schema(pattern=TIMESTAMP_PATTERN)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        del schema, handler
        return {"type": "string", "pattern": TIMESTAMP_PATTERN}


@dataclass(frozen=True, slots=True)
class _Cash:
    """Marks an amount that becomes decimal text with two places, and usually was sent so."""

    def __get_pydantic_core_schema__(self, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        stored = core_schema.str_schema(pattern=_STORED_MONEY_PATTERN)
        return core_schema.union_schema(
            [stored, core_schema.no_info_plain_validator_function(_money)],
            mode="left_to_right",
            custom_error_type="money",
            custom_error_message=MONEY_MESSAGE,
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        del schema, handler
        text = {"type": "string", "pattern": MONEY_PATTERN}
        return {"anyOf": [text, {"type": "number", "minimum": 0, "exclusiveMaximum": 10**16}]}


@dataclass(frozen=True, slots=True)
class Whole:
    """Marks an integer within inclusive bounds; `2.0` is the JSON number 2, as in JSON Schema."""

    minimum: int
    maximum: int

    def __get_pydantic_core_schema__(self, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        """An exact integer first, since that is what nearly everyone sends; else a whole float."""
        del source, handler
        integer = core_schema.int_schema(strict=True, ge=self.minimum, le=self.maximum)
        whole = core_schema.float_schema(
            strict=True, ge=self.minimum, le=self.maximum, multiple_of=1, allow_inf_nan=False
        )
        return core_schema.union_schema(
            [integer, core_schema.chain_schema([whole, core_schema.int_schema()])],
            mode="left_to_right",
            custom_error_type="whole_number",
            custom_error_message=f"Input should be a whole number from {self.minimum} to {self.maximum}",
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """A bounded JSON Schema integer."""
        del schema, handler
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


Text = Annotated[str, Field()]
NonEmptyText = Annotated[str, Chars(min_length=1)]
Id = Annotated[str, _Identity()]
Phone = Annotated[str, Chars(pattern=r"^\+[1-9][0-9]{1,14}$")]
Currency = Annotated[str, Chars(pattern=r"^[A-Z]{3}$")]
CardDigits = Annotated[str, Chars(pattern=r"^[0-9]{4}$")]
ClockTime = Annotated[str, Chars(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$")]
Weekday = Literal["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
Role = Literal["RIDER", "DRIVER", "ADMIN"]
CancelledBy = Literal["RIDER", "DRIVER", "SYSTEM"]

TimestampText = Annotated[str, Chars(pattern=TIMESTAMP_PATTERN)]
"""A timestamp by its shape only; `epoch_ms` turns it into milliseconds."""
Timestamp = Annotated[int, _Moment()]
Money = Annotated[str, _Cash()]

Flag = Annotated[bool, Field(strict=True)]
Amount = Annotated[float, Field(strict=True, ge=0, le=AMOUNT_MAX, allow_inf_nan=False)]
Latitude = Annotated[float, Field(strict=True, ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(strict=True, ge=-180, le=180, allow_inf_nan=False)]
Bearing = Annotated[float, Field(strict=True, ge=0, lt=360, allow_inf_nan=False)]
Seats = Annotated[int, Whole(1, 8)]
UInt32 = Annotated[int, Whole(0, UINT32_MAX)]
Partition = Annotated[int, Whole(0, INT32_MAX)]
UInt53 = Annotated[int, Whole(0, SAFE_INTEGER_MAX)]
JsonObject = dict[str, Any]
