"""Which dead letters somebody means."""

from collections.abc import Sequence
from dataclasses import dataclass

from openride_stream.events.letter_views import event_type_of, masked_fields
from openride_stream.events.letters import Letter


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions that all have to hold; an empty one holds always.

    Attributes:
        errors: error classes, any of them.
        event_types: event types, any of them; a record that cannot be parsed has none.
        since_ms: dead-lettered at this time or later, in milliseconds since the epoch.
        until_ms: dead-lettered before this time.
        key: the key of pseudonyms: types are looked for in masked fields alone.
        max_bytes: a longer record is not parsed.
    """

    errors: Sequence[str] = ()
    event_types: Sequence[str] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    key: bytes = b""
    max_bytes: int = 0

    def matches(self, letter: Letter) -> bool:
        """Whether `letter` is meant."""
        if self.since_ms is not None and letter.timestamp_ms < self.since_ms:
            return False
        if self.until_ms is not None and letter.timestamp_ms >= self.until_ms:
            return False
        if self.errors and letter.error not in self.errors:
            return False
        return not self.event_types or self._event_type(letter) in self.event_types

    def _event_type(self, letter: Letter) -> str:
        return event_type_of(masked_fields(letter, self.key, self.max_bytes))
