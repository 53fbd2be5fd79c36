"""What every event carries, whatever its type."""

from typing import Annotated, Any, Final, NotRequired

from pydantic import AliasChoices, Field
from typing_extensions import TypedDict

from openride_stream.events.scalars import Id, Text, TimestampText, UInt32

PERSONAL_NAMES: Final = ("phone", "email", "full_name", "ip_address")
"""The fields that are never stored or logged in clear."""


class Guarded(TypedDict):
    """Catches a personal value under any type, also one that does not declare the field.

    `personal_` is the sign that the record needs masking; it never leaves decoding. Since pydantic has
    already resolved escapes in the names, no spelling of a name goes unseen.
    """

    personal_: NotRequired[Annotated[Any, Field(validation_alias=AliasChoices(*PERSONAL_NAMES))]]


class Event(Guarded):
    """The common fields of the twenty event types."""

    event_timestamp: TimestampText
    event_id: NotRequired[Id | None]
    schema_version: NotRequired[Annotated[UInt32 | None, Field(default=1)]]
    city: NotRequired[Text | None]
    state: NotRequired[Text | None]
