"""Time as a dependency: everything that asks for the time takes a `Clock`."""

import time
from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """What the application needs of time."""

    def now_ms(self) -> int:
        """Wall-clock time in milliseconds since the epoch."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never run backwards, for durations and deadlines."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """Wall-clock time in milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds that never run backwards (NTP steps do not touch them)."""
        return time.monotonic()


def utc_from_ms(ms: int) -> datetime:
    """The aware UTC datetime of `ms` milliseconds since the epoch."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def midnight(day: date, zone: str) -> datetime:
    """When a day of an IANA zone begins, in UTC; where clocks leave that out, when they are changed."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def rfc3339(ms: int) -> str:
    """The moment of `ms` milliseconds since the epoch as the API writes it: UTC, three places, Z."""
    return utc_from_ms(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
