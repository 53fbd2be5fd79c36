"""Money is exact or refused, moments are in UTC."""

from datetime import UTC, timedelta, timezone
from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from openride_stream.api.analyses import PlaceValue, TrendPoint
from openride_stream.api.fields import Moment, Money

MONEY = TypeAdapter[Decimal](Money)


@pytest.mark.parametrize("text", ["0.00", "-12.50", "99999999999999999999.99"])
def test_money_keeps_every_cent(text: str) -> None:
    found = MONEY.validate_json(f'"{text}"')
    assert str(found) == text
    assert MONEY.dump_json(found) == f'"{text}"'.encode()


@pytest.mark.parametrize(
    "given", ["1", "1.5", '"1.5"', '"1,50"', '"1.500"', '"٣.٠٠"', '"1.00\\n"', "null", "true"]
)
def test_what_may_have_lost_a_cent_is_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        MONEY.validate_json(given)


def test_a_value_is_money_only_as_text() -> None:
    place = '{"state": null, "city": null, "value": %s}'
    assert type(PlaceValue.model_validate_json(place % '"12.00"').value) is Decimal
    assert type(PlaceValue.model_validate_json(place % "12").value) is int
    point = '{"timestamp": "2026-01-01T00:00:00Z", "value": %s}'
    assert type(TrendPoint.model_validate_json(point % '"12.00"').value) is Decimal
    assert type(TrendPoint.model_validate_json(point % "12").value) is float


def test_moments_are_moved_to_utc_and_need_an_offset() -> None:
    moments = TypeAdapter[Moment](Moment)
    found = moments.validate_json('"2026-01-01T01:00:00+01:00"')
    assert found.tzinfo is UTC
    assert found.astimezone(timezone(timedelta(hours=1))).hour == 1
    with pytest.raises(ValidationError):
        moments.validate_json('"2026-01-01T01:00:00"')
