"""What the records of one batch share while they are decoded."""

from dataclasses import dataclass
from typing import Final

from openride_stream.events.policy import DecodePolicy
from openride_stream.events.topics import SourceTopic

CLOCK_SKEW_MS: Final = 300_000
"""How far the clock of whoever stamped a record may be ahead of ours: five minutes, as in Kerberos."""


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

    @property
    def ceiling_ms(self) -> int:
        """The last millisecond of event time that is taken now, whatever the record's own timestamp says."""
        return self.now_ms + CLOCK_SKEW_MS + self.policy.max_ahead_ms
