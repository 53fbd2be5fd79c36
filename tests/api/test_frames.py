"""Answers as DataFrames: rows, columns, index, types; also of nothing, and without pandas."""

import sys
from decimal import Decimal
from typing import Any

import pandas
import pytest

from openride_stream.api.analyses import Cohorts, Funnel, Geographic, Retention, Trends
from openride_stream.api.figures import Bookings, Payments, Trips, Users
from openride_stream.api.rankings import Driver, Drivers, Route, Routes
from web.registry import all_endpoints

EXAMPLES = {endpoint.response: endpoint.example for endpoint in all_endpoints() if endpoint.response}
POINTS = [{"timestamp": f"2026-01-0{day}T00:00:00Z", "value": day} for day in (1, 2)]


def example(kind: type[Any], **changed: object) -> Any:
    shown = EXAMPLES[kind]
    assert shown is not None
    return kind.model_validate({**shown, **changed})


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        (Users, "active_users"),
        (Bookings, "bookings_created"),
        (Payments, "payments_initiated"),
        (Trips, "trips_started"),
    ],
)
def test_a_series_stands_under_its_figure_by_time(kind: type[Any], column: str) -> None:
    frame = example(kind, time_series=POINTS).to_dataframe()
    assert list(frame.columns) == [column]
    assert list(frame[column]) == [1.0, 2.0]
    assert frame.index.name == "timestamp"
    assert str(frame.index.tz) == "UTC"
    with pytest.raises(ValueError, match="granularity='daily'"):
        example(kind, time_series=None).to_dataframe()


def test_series_can_be_put_side_by_side() -> None:
    bookings, trips = (example(kind, time_series=POINTS).to_dataframe() for kind in (Bookings, Trips))
    assert bookings.join(trips).shape == (2, 2)


@pytest.mark.parametrize(("kind", "row", "field"), [(Drivers, Driver, "drivers"), (Routes, Route, "routes")])
def test_rankings_are_rows(kind: type[Any], row: type[Any], field: str) -> None:
    frame = example(kind).to_dataframe()
    assert list(frame.columns) == list(row.model_fields)
    assert len(frame) == 1
    money = "total_earnings" if kind is Drivers else "total_revenue"
    assert isinstance(frame[money][0], Decimal)
    empty = example(kind, **{field: []}).to_dataframe()
    assert (list(empty.columns), len(empty)) == (list(frame.columns), 0)
    assert len(example(kind, time_series=POINTS).time_series_to_dataframe()) == 2


def test_cohorts_are_a_matrix() -> None:
    frame = example(Cohorts).to_dataframe()
    assert list(frame.columns) == ["period_0", "period_1", "period_2"]
    assert frame.index.name == "cohort_period"
    assert frame.loc["2026-01-05", "period_1"] == 42.25
    assert frame["period_2"].isna().all()
    assert {kind.kind for kind in frame.dtypes} == {"f"}
    none_yet = {"cohort_period": "2026-01-05", "cohort_size": 0, "retention_by_period": {"period_0": None}}
    assert example(Cohorts, cohorts=[none_yet]).to_dataframe()["period_0"].dtype.kind == "f"


def test_places_steps_and_days_are_rows() -> None:
    places = example(Geographic).to_dataframe()
    assert list(places.columns) == ["state", "city", "value"]
    assert list(places["value"]) == [812, 305, 4]
    steps = example(Funnel).to_dataframe()
    assert steps["step_name"][0] == "registered"
    assert steps["count"].sum() == 3003
    days = example(Retention).to_dataframe()
    assert days.loc["d7", "rate"] == 22.5
    assert list(days.columns) == ["users", "retained", "rate"]


def test_trends_are_a_series_of_their_kind() -> None:
    assert example(Trends).to_dataframe()["value"].dtype.kind == "f"
    paid = [{"timestamp": "2026-01-01T00:00:00Z", "value": "12.00"}]
    assert example(Trends, data_points=paid).to_dataframe()["value"].iloc[0] == Decimal("12.00")
    assert isinstance(example(Trends, data_points=[]).to_dataframe().index, pandas.DatetimeIndex)


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"openride-stream\[pandas\]"):
        example(Drivers).to_dataframe()
