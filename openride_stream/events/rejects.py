"""Why a record becomes a dead letter."""

from dataclasses import dataclass
from enum import StrEnum

from openride_stream.errors import Rejected
from openride_stream.events.records import Record


class RejectClass(StrEnum):
    """The classes that `dlq.error.class` may name; the values are part of the outside contract."""

    MALFORMED_JSON = "MalformedJson"
    NOT_AN_OBJECT = "NotAnObject"
    UNKNOWN_EVENT_TYPE = "UnknownEventType"
    WRONG_TOPIC = "WrongTopic"
    INVALID_FIELD = "InvalidField"
    TIMESTAMP_TOO_FAR_AHEAD = "TimestampTooFarAhead"
    TOO_LATE = "too_late"
    RECORD_TOO_LARGE = "RecordTooLarge"


class Rejection(Rejected):
    """One record breaks the event contract for good.

    The message names the field and the rule. It never repeats a value of the record: values may be
    personal, and the message travels in headers and logs.
    """

    def __init__(self, reject_class: RejectClass, message: str) -> None:
        super().__init__(message)
        self.reject_class = reject_class
        self.message = message


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that was refused, with the class and the message of its dead-letter headers."""

    record: Record
    error: str
    message: str

    @classmethod
    def of(cls, record: Record, rejection: Rejection) -> "Reject":
        """The reject that answers `rejection` for `record`."""
        return cls(record, rejection.reject_class.value, rejection.message)
