"""What the records of one batch share while they are decoded."""

from dataclasses import dataclass

from openride_stream.events.policy import DecodePolicy
from openride_stream.events.topics import SourceTopic


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a batch came from, and the limits that hold for it.

    `floor_ms` is the first millisecond of event time that the table still takes; `now_ms` stands in for
    the timestamp of a record that has none.
    """

    source: SourceTopic
    partition: int
    policy: DecodePolicy
    floor_ms: int
    now_ms: int
