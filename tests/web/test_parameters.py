"""What is wrong with a request is said by names that its sender knows."""

import orjson
import pytest

from openride_stream.api.reports import ReportRequest
from web.parameters import parse_body
from web.problems import Problem

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
