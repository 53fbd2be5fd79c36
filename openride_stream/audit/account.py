"""What became of each offset of one partition."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from openride_stream.offsets import Offsets

Fate = Literal["stored", "dead_lettered", "duplicate", "expired", "no_record", "unchecked", "missing"]

FATES: Final[dict[Fate, str]] = {
    "stored": "a row stands at the offset",
    "dead_lettered": "a dead letter names the offset",
    "duplicate": "the same content of the same event is stored from another offset",
    "expired": "the event is older than its table's retention, or went with a clean-up",
    "no_record": "the log has no record there (a transaction's marker, or compacted away)",
    "unchecked": "Kafka no longer has the record, so nothing can be said",
    "missing": "none of these",
}


@dataclass(frozen=True, slots=True)
class Missing:
    """Offsets `first`..`last` of a partition that are accounted for by nothing."""

    first: int
    last: int
    reason: str


@dataclass(slots=True)
class Account:
    """The books of one partition: offsets 0 up to, and without, `consumed`.

    `begin` is the first offset that Kafka still has.
    """

    topic: str
    partition: int
    begin: int
    consumed: int
    counts: Counter[Fate] = field(default_factory=Counter)
    _missing: dict[int, str] = field(default_factory=dict)

    def book(self, fate: Fate, offsets: int) -> None:
        """Count `offsets` more offsets with one fate."""
        self.counts[fate] += offsets

    def miss(self, offsets: Iterable[int], reason: str) -> None:
        """Name offsets as missing."""
        fresh = dict.fromkeys(offsets, reason)
        self._missing |= fresh
        self.book("missing", len(fresh))

    @property
    def missing(self) -> list[Missing]:
        """Runs of missing offsets with one reason, ascending."""
        by_reason: dict[str, list[int]] = {}
        for offset, reason in sorted(self._missing.items()):
            by_reason.setdefault(reason, []).append(offset)
        return sorted(
            (
                Missing(first, end - 1, reason)
                for reason, offsets in by_reason.items()
                for first, end in Offsets.of(offsets).ranges
            ),
            key=lambda one: one.first,
        )

    @property
    def balanced(self) -> bool:
        """Whether every consumed offset was counted exactly once: the audit's own check."""
        return sum(self.counts.values()) == self.consumed

    def as_json(self) -> dict[str, Any]:
        """One entry of `openride audit --json`."""
        return {
            "topic": self.topic,
            "partition": self.partition,
            "log_start": self.begin,
            "consumed": self.consumed,
            **{fate: self.counts[fate] for fate in FATES},
            "missing_offsets": [
                {"first": one.first, "last": one.last, "reason": one.reason} for one in self.missing
            ],
        }


def totals(accounts: Sequence[Account]) -> Counter[Fate]:
    """The counts of several partitions together."""
    return sum((account.counts for account in accounts), Counter())
