"""Times: reading them, and the buckets of a time series. Everything is int milliseconds since the epoch."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

DAY_MS = 86_400_000
RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))?"
)
Moment = int | str | datetime


def event_ms(text: str) -> int:
    """An event's RFC 3339 time, cut to the millisecond; without an offset it is UTC."""
    found = RFC3339.fullmatch(text)
    if not found:
        raise ValueError(f"not RFC 3339: {text}")
    year, month, day, hour, minute, second, fraction, _zulu, sign, off_hour, off_minute = found.groups()
    whole = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    ms = round(whole.timestamp()) * 1000 + int((fraction or "0").ljust(3, "0")[:3])
    if sign:
        offset_ms = (int(off_hour) * 60 + int(off_minute)) * 60_000
        ms -= offset_ms if sign == "+" else -offset_ms
    return ms


def to_ms(moment: Moment) -> int:
    """A bound of a range: ms, ISO 8601 text or a datetime; without an offset it is UTC.

    The first millisecond that is not before it: event times have whole ones.
    """
    if isinstance(moment, int):
        return moment
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return -((datetime(1970, 1, 1, tzinfo=UTC) - moment) // timedelta(milliseconds=1))


def label(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def buckets(start_ms: int, end_ms: int, granularity: str) -> Iterator[tuple[int, int, int]]:
    """(start of the bucket, first and last bound of its part in the range) of every bucket of a range."""
    bucket = floor_to(start_ms, granularity)
    while bucket < end_ms:
        following = next_after(bucket, granularity)
        yield bucket, max(bucket, start_ms), min(following, end_ms)
        bucket = following


def floor_to(ms: int, granularity: str) -> int:
    moment = datetime.fromtimestamp(ms // 1000, UTC).replace(minute=0, second=0)
    if granularity == "hourly":
        return to_ms(moment)
    midnight = moment.replace(hour=0)
    if granularity == "weekly":
        midnight -= timedelta(days=midnight.weekday())
    if granularity == "monthly":
        midnight = midnight.replace(day=1)
    return to_ms(midnight)


def next_after(bucket_ms: int, granularity: str) -> int:
    if granularity == "monthly":
        return floor_to(bucket_ms + 32 * DAY_MS, "monthly")
    return bucket_ms + {"hourly": DAY_MS // 24, "daily": DAY_MS, "weekly": 7 * DAY_MS}[granularity]
