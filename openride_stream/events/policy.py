"""What decoding depends on besides the records themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from openride_stream.errors import ConfigurationError
from openride_stream.events.topics import TOPICS, Domain
from openride_stream.settings import Settings

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class DecodePolicy:
    """Limits, defaults and keys of decoding; the same for every batch of a worker.

    Attributes:
        cluster_id: Kafka's cluster id, part of every derived event identity.
        currency: currency of an amount that names none.
        pii_key: key of the HMAC that replaces personal values.
        max_record_bytes: a longer value is rejected unread.
        max_ahead_ms: how far an event_timestamp may lie ahead of its record's Kafka timestamp
            (and of the clock, see `Frame.ceiling_ms`).
        retention_days: days of event time that each ClickHouse table keeps, by table name.
    """

    cluster_id: str
    currency: str
    pii_key: bytes
    max_record_bytes: int
    max_ahead_ms: int
    retention_days: Mapping[str, int]

    @classmethod
    def from_settings(cls, settings: Settings, cluster_id: str) -> "DecodePolicy":
        """The policy that the settings ask for.

        Raises:
            ConfigurationError: without a pii_key, personal values would be hashed but guessable.
        """
        pii_key = settings.pii_key.get_secret_value().encode()
        if not pii_key:
            message = "OPENRIDE_PII_KEY is not set: personal data cannot be masked without a secret key"
            raise ConfigurationError(message)
        return cls(
            cluster_id=cluster_id,
            currency=settings.currency,
            pii_key=pii_key,
            max_record_bytes=settings.max_record_bytes,
            max_ahead_ms=settings.max_ahead_s * 1000,
            retention_days={topic.table: _retention_days(settings, topic.domain) for topic in TOPICS},
        )

    def floor_ms(self, table: str, now_ms: int) -> int:
        """The first millisecond of event time that `table` still takes.

        A table is sealed by whole UTC days: the day of `now_ms` minus the table's retention is the oldest
        day that is open.
        """
        return (now_ms // DAY_MS - self.retention_days[table]) * DAY_MS


def _retention_days(settings: Settings, domain: Domain) -> int:
    if domain == "location":
        return settings.retention_location_days
    if domain == "schedule":
        return settings.retention_schedule_days
    return settings.retention_events_days
