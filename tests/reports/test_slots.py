"""When reports are due and what they are about, also where clocks change."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from openride_stream.reports.slots import (
    FrequencyRefused,
    check,
    next_slot,
    range_before,
    range_of,
    slots_until,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("frequency", "zone", "after", "due"),
    [
        ("daily", "Africa/Lagos", "2026-01-31T05:00:00Z", "2026-02-01T05:00:00Z"),
        ("weekly", "Africa/Lagos", "2026-02-02T04:59:59Z", "2026-02-02T05:00:00Z"),
        ("monthly", "America/New_York", "2026-02-28T12:00:00Z", "2026-03-01T11:00:00Z"),
        # New York moves its clocks on 8 March and 1 November 2026: six o'clock stays six o'clock there.
        ("daily", "America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T10:00:00Z"),
        ("daily", "America/New_York", "2026-10-31T12:00:00Z", "2026-11-01T11:00:00Z"),
        # 02:30 does not exist on the first of these days, and comes twice on the second.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
        # Asked in the hour that comes for the second time: what was due in the first is over.
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-26T01:30:00Z"),
        # A star is no other way to write it.
        ("*/60 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
        ("*/60 2 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z"),
        ("30 */2 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
    ],
)
def test_the_next_slot_keeps_to_the_clocks_of_its_zone(
    frequency: str, zone: str, after: str, due: str
) -> None:
    assert next_slot(frequency, zone, at(after)) == at(due)


def test_every_slot_that_was_missed_is_found() -> None:
    first = at("2026-01-05T05:00:00Z")
    given: dict[str, Any] = {"frequency": "weekly", "zone": "Africa/Lagos", "first": first}
    assert slots_until(**given, now=at("2026-01-05T05:00:00Z")) == [first]
    missed = [at(f"2026-01-{day:02}T05:00:00Z") for day in (5, 12, 19, 26)]
    assert slots_until(**given, now=at("2026-01-28T12:00:00Z")) == missed


def test_a_slot_of_the_hour_that_comes_twice_is_found_once() -> None:
    given: dict[str, Any] = {"frequency": "30 2 * * *", "zone": "Europe/Berlin"}
    found = slots_until(**given, first=at("2026-10-23T00:30:00Z"), now=at("2026-10-25T01:40:00Z"))
    assert found == [at(f"2026-10-{day}T00:30:00Z") for day in (23, 24, 25)]


@pytest.mark.parametrize("frequency", ["0 30 2 * * *", " ", "0 6 * *"])
def test_a_frequency_of_other_than_five_fields_is_refused(frequency: str) -> None:
    with pytest.raises(FrequencyRefused, match="five fields"):
        check(frequency, "Europe/Berlin", at("2026-01-01T00:00:00Z"))


@pytest.mark.parametrize(
    ("kind", "zone", "start", "end"),
    [
        ("previous_day", "Africa/Lagos", "2026-03-29T23:00:00Z", "2026-03-30T23:00:00Z"),
        ("previous_week", "Africa/Lagos", "2026-03-22T23:00:00Z", "2026-03-29T23:00:00Z"),
        ("previous_month", "Africa/Lagos", "2026-01-31T23:00:00Z", "2026-02-28T23:00:00Z"),
        # A week with a change of clocks has an hour less.
        ("previous_week", "Europe/Berlin", "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"),
        ("last_7_days", "Europe/Berlin", "2026-03-23T23:00:00Z", "2026-03-30T22:00:00Z"),
        ("last_30_days", "UTC", "2026-03-01T00:00:00Z", "2026-03-31T00:00:00Z"),
    ],
)
def test_a_range_is_of_whole_days_of_the_zone(kind: Any, zone: str, start: str, end: str) -> None:
    assert range_of(kind, zone, at("2026-03-31T10:00:00Z")) == (at(start), at(end))


@pytest.mark.parametrize(
    "frequency", ["daily", "weekly", "monthly", "0 * * * *", "15 7 * * 1-5", "0 9 L * *"]
)
def test_a_frequency_names_moments(frequency: str) -> None:
    check(frequency, "America/New_York", at("2026-03-07T12:00:00Z"))


@pytest.mark.parametrize(
    ("frequency", "said"),
    [
        ("yearly", "cron expression"),
        ("0 6 * *", "cron expression"),
        ("61 * * * *", "cron expression"),
        ("0 0 30 2 *", "day-of-month|no moment"),
        ("*/30 * * * *", "once an hour"),
        ("0,59 6 * * *", "once an hour"),
        ("* * * * * *", "once an hour|cron expression"),
    ],
)
def test_any_other_is_refused(frequency: str, said: str) -> None:
    with pytest.raises(FrequencyRefused, match=said):
        check(frequency, "UTC", at("2026-03-07T12:00:00Z"))


@pytest.mark.parametrize(
    ("kind", "zone", "start", "before"),
    [
        ("previous_month", "Africa/Lagos", "2026-02-28T23:00:00Z", ("2026-01-31T23:00:00Z", 28)),
        ("previous_day", "UTC", "2026-03-01T00:00:00Z", ("2026-02-28T00:00:00Z", 1)),
        ("last_7_days", "UTC", "2026-03-08T00:00:00Z", ("2026-03-01T00:00:00Z", 7)),
        # New York's week that ends on the day before its clocks move is no shorter than the next one.
        ("previous_week", "America/New_York", "2026-03-09T04:00:00Z", ("2026-03-02T05:00:00Z", 7)),
    ],
)
def test_the_period_before_is_of_the_same_kind(
    kind: Any, zone: str, start: str, before: tuple[str, int]
) -> None:
    first, last = range_before(kind, zone, at(start))
    assert first == at(before[0])
    assert last == at(start)
    assert round((last - first) / timedelta(days=1)) == before[1]
