"""What is wrong with a request is said by names that its sender knows."""

from itertools import product

import orjson
import pytest
from multidict import MultiDict

from openride_stream.api.reports import ReportRequest
from web.endpoint import Endpoint
from web.parameters import parse, parse_body
from web.problems import Problem
from web.registry import all_endpoints

GIVEN = {
    "report_name": "Trips",
    "report_type": "trip_metrics",
    "frequency": "daily",
    "format": "pdf",
    "recipients": ["ada@example.org"],
}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"parameters": {"town": "x"}}, "parameters: town: is not one of its fields"),
        ({"parameters": {"limit": "x"}}, "parameters: limit: should be a valid integer"),
        ({"recipients": []}, "recipients: should have at least 1 of them"),
        ({"town": "x"}, "town: is not a parameter of this endpoint (known: report_name, "),
        ({"report_name": ...}, "report_name: is required"),
    ],
)
def test_a_fault_within_an_object_is_told_by_its_own_name(more: dict[str, object], said: str) -> None:
    body = {name: value for name, value in {**GIVEN, **more}.items() if value is not ...}
    with pytest.raises(Problem) as refused:
        parse_body(ReportRequest, orjson.dumps(body))
    assert said in str(refused.value.detail)


ODD_NUMBERS = ("5_0", " 5", "5 ", "5.0", "+5", "05", "0x5", "1e1", "\u0665", "")


@pytest.mark.parametrize("endpoint", all_endpoints(), ids=lambda each: f"{each.method} {each.path}")
def test_numbers_of_a_query_are_plain_digits_everywhere(endpoint: Endpoint) -> None:
    declared = endpoint.request.model_json_schema().get("properties", {}) if endpoint.request else {}
    whole = [name for name, field in declared.items() if "'type': 'integer'" in str(field)]
    for name, odd in product(whole, ODD_NUMBERS):
        assert endpoint.request is not None
        with pytest.raises(Problem) as refused:
            parse(endpoint.request, MultiDict({name: odd}), {})
        assert refused.value.status == 400
        assert f"{name}: should be a whole number in plain digits" in str(refused.value.detail)
