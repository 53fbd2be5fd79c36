"""Every figure, row and day of a report, as its workbook and its CSV have them, is what the API answers."""

import csv
import io
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from openpyxl import load_workbook

from openride_stream.api.rankings import Distribution
from openride_stream.sheets.sections import title_of
from tests.reports.conftest import Desk
from tests.reports.test_reports import JANUARY, KINDS, RANGE

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEFORE = RANGE | {"start_date": "2025-12-03T23:00:00Z", "end_date": RANGE["start_date"]}


def changed(now: Any, then: Any) -> Decimal | None:
    before = Decimal(str(then))
    if not before:
        return None
    share = (Decimal(str(now)) - before) / abs(before) * 100
    return share.quantize(Decimal("0.01"), ROUND_HALF_UP)


async def test_a_workbook_has_what_the_api_answers(desk: Desk) -> None:
    schedule_id = await desk.schedule(report_type="comprehensive", format="excel", parameters=JANUARY)
    run = await desk.made(schedule_id)
    body = await desk.call("GET", f"executions/{run['execution_id']}/download")
    book = load_workbook(io.BytesIO(body))
    compared = counted = 0
    for name, model in KINDS.values():
        rows = [row for row in book[name.title()].iter_rows(values_only=True) if row[0] is not None]
        daily = {"granularity": "daily"}
        answer = await desk.call("GET", f"/v1/metrics/{name}", params=RANGE | daily)
        before = await desk.call("GET", f"/v1/metrics/{name}", params=BEFORE)
        for field, value in answer.items():
            if isinstance(value, list):
                continue
            (found,) = [row for row in rows if row[0] == title_of(model, field, "NGN")]
            assert_equal(found[1], value)
            assert_equal(found[2], before[field])
            assert_equal(found[3], changed(value, before[field]))
            compared += 1
        for method in answer.get("by_method", []):
            (found,) = [row for row in rows if row[0] == method["payment_method"]]
            for given, right in zip(found[1:], [*method.values()][1:], strict=False):
                assert_equal(given, right)
                compared += 1
        if name != "users":  # who was active on two days is two in a sum
            values = [
                row[place + 1]
                for row in book[name.title()].iter_rows(values_only=True)
                for place, cell in enumerate(row)
                if isinstance(cell, datetime)
            ]
            assert len(values) == 30
            assert sum(values) == sum(point["value"] for point in answer["time_series"])
            counted += sum(values)
    assert (compared > 30, counted > 0) == (True, True), (compared, counted)


async def test_a_csv_has_what_the_api_answers_of_drivers(desk: Desk) -> None:
    run = await desk.made(await desk.schedule(report_type="driver_earnings", parameters=JANUARY))
    body = await desk.call("GET", f"executions/{run['execution_id']}/download")
    rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    answer = await desk.call("GET", "/v1/metrics/drivers", params=RANGE)
    before = await desk.call("GET", "/v1/metrics/drivers", params=BEFORE)
    for field, value in answer["distribution"].items():
        (found,) = [row for row in rows if row["field"] == title_of(Distribution, field, "NGN")]
        assert (found["value"], found["period_before"]) == (str(value), str(before["distribution"][field]))
        assert (found["change_percent"] or None) == (
            None if (share := changed(value, before["distribution"][field])) is None else str(share)
        )


def assert_equal(found: Any, right: Any) -> None:
    """A number of a sheet is a float; nothing is an empty cell."""
    if right is None:
        assert found in (None, "", "-", "–")
    else:
        assert float(found) == pytest.approx(float(right), abs=0.005)
