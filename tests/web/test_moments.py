"""ISO 8601 as clients write it, to milliseconds."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from web.moments import EARLIEST, moment_ms

HALF_PAST_EIGHT = 1_769_848_200_000


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-01-31", 1_769_817_600_000),
        ("2026-01-31T08:30:00", HALF_PAST_EIGHT),
        ("2026-01-31 08:30", HALF_PAST_EIGHT),
        ("2026-01-31T08:30:00Z", HALF_PAST_EIGHT),
        ("2026-01-31T09:30:00.000+01:00", HALF_PAST_EIGHT),
        ("2026-01-31T08:30:00.001", HALF_PAST_EIGHT + 1),
        # The bound is compared with whole milliseconds: what lies before it stays before it.
        ("2026-01-31T08:30:00.000001", HALF_PAST_EIGHT + 1),
    ],
)
def test_a_moment_is_utc_unless_it_says_otherwise(text: str, ms: int) -> None:
    assert moment_ms(text) == ms


@given(
    st.integers(86_400, 36_000 * 86_400).map(lambda s: EARLIEST + timedelta(seconds=s)),
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_every_offset_means_the_same_instant(moment: datetime, zone: timezone) -> None:
    assert moment_ms(moment.astimezone(zone).isoformat()) == int(moment.timestamp()) * 1000


@given(st.text())
def test_any_other_text_is_refused_with_a_reason(text: str) -> None:
    try:
        moment_ms(text)
    except PydanticCustomError as error:
        refused = error.type
    else:
        refused = None
    assert refused in (None, "malformed", "out_of_range")
