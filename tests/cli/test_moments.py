from datetime import UTC, datetime

import click
import pytest

from openride_stream.cli.moments import Moment
from openride_stream.clock import SystemClock

HOUR_MS = 3_600_000


def read(text: str) -> int:
    return Moment().convert(text, None, None)


@pytest.mark.parametrize("text", ["2026-01-31T10:00:00Z", "2026-01-31T10:00", "2026-01-31T11:00:00+01:00"])
def test_a_time_is_utc_unless_it_says_otherwise(text: str) -> None:
    assert read(text) == datetime(2026, 1, 31, 10, tzinfo=UTC).timestamp() * 1000


@pytest.mark.parametrize(
    ("text", "hours"), [("2h", 2), ("7d", 168), ("90min", 1.5), ("90m", 1.5), ("5400s", 1.5)]
)
def test_a_length_of_time_is_so_long_ago(text: str, hours: float) -> None:
    assert abs(SystemClock().now_ms() - hours * HOUR_MS - read(text)) < 60_000


@pytest.mark.parametrize("text", ["yesterday", "2 hours", "-2h", "2026-13-01", "h", ""])
def test_what_is_no_time_is_answered_with_examples(text: str) -> None:
    with pytest.raises(click.BadParameter, match="such as 2026-01-31T10:00:00Z, or 2h for two hours ago"):
        read(text)
