"""Exports over HTTP: asked for, written by a process, downloaded; rows are distinct, files what they say."""

import csv
import io
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow.parquet
import pytest
from openpyxl import load_workbook

from openride_stream.exports.figures import KINDS
from openride_stream.sheets.sections import title_of
from tests.exports.conftest import FORMULA, TOKENS, TRIPS, Desk, is_downloaded_by_the_rules

pytestmark = pytest.mark.asyncio(loop_scope="package")

QUERY = (
    "SELECT trip_id, event_timestamp, city, distance_km, driver_earnings, on_time, scheduled_departure "
    "FROM trip_events ORDER BY trip_id"
)
HEAD = [
    "trip_id",
    "event_timestamp",
    "city",
    "distance_km",
    "driver_earnings",
    "on_time",
    "scheduled_departure",
]


def records(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline="")))


async def test_csv_has_every_event_once_in_the_order_of_the_query(desk: Desk) -> None:
    head, *rows = records(await desk.made(QUERY))
    assert head == HEAD
    assert len(rows) == TRIPS
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert rows[0][1:] == ["2026-01-01T08:30:00.250Z", "Lagos", "0.5", "0.10", "true", ""]
    assert rows[1][2] == 'Say "hi",\nÀbújá'


async def test_parquet_keeps_the_types(desk: Desk) -> None:
    table = pyarrow.parquet.read_table(io.BytesIO(await desk.made(QUERY, "parquet")))
    assert table.column_names == HEAD
    assert table.num_rows == TRIPS
    first = table.slice(0, 1).to_pylist()[0]
    assert first["trip_id"] == "00000000-0000-0000-0000-000000000001"
    assert first["event_timestamp"] == datetime.fromisoformat("2026-01-01T08:30:00.250Z")
    assert (first["driver_earnings"], first["scheduled_departure"]) == (Decimal("0.10"), None)


async def test_excel_has_numbers_dates_a_frozen_styled_header_and_readable_columns(desk: Desk) -> None:
    (sheet,) = load_workbook(io.BytesIO(await desk.made(QUERY, "excel"))).worksheets
    assert (sheet.max_row, sheet.freeze_panes) == (TRIPS + 1, "A2")
    assert sheet.auto_filter.ref == f"A1:G{TRIPS + 1}"
    assert [cell.value for cell in sheet[1]] == HEAD
    assert all(cell.font.bold and cell.fill.fgColor.rgb != "00000000" for cell in sheet[1])
    moment, earned = sheet["B2"], sheet["E2"]
    assert (moment.value, moment.number_format) == (
        datetime.fromisoformat("2026-01-01T08:30:00.250"),
        "yyyy-mm-dd hh:mm:ss.000",
    )
    assert (earned.value, earned.number_format) == (0.1, "#,##0.00")
    assert [cell.value for cell in sheet[2]][-2:] == [True, None]
    assert sheet["C3"].value == 'Say "hi",\nÀbújá'
    assert sheet.column_dimensions["A"].width > 36


@pytest.mark.parametrize("query", ["SELECT route_name AS n FROM route_events", f"SELECT 1 AS `{FORMULA}`"])
async def test_no_cell_of_csv_begins_a_formula(desk: Desk, query: str) -> None:
    cells = [cell for record in records(await desk.made(query)) for cell in record]
    assert f"'{FORMULA}" in cells
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


async def test_half_a_letter_and_whole_numbers_of_any_size_are_in_excel(desk: Desk) -> None:
    query = "SELECT substring('\u00e9a', 1, 1) AS half, ['x', unhex('ff')] AS list, 1e17 AS large"
    query += ", toInt128(-7) AS small, toUInt256('99999999999999999999999999999999999') AS big"
    (sheet,) = load_workbook(io.BytesIO(await desk.made(query, "excel"))).worksheets
    assert [cell.value for cell in sheet[2]] == ["\ufffd", '["x","\ufffd"]', 1e17, -7, "9" * 35]


async def test_a_formula_is_text_in_excel(desk: Desk) -> None:
    (sheet,) = load_workbook(
        io.BytesIO(await desk.made("SELECT route_name FROM route_events", "excel"))
    ).worksheets
    assert (sheet["A2"].value, sheet["A2"].data_type) == (FORMULA, "s")


async def test_values_are_bound_by_the_store(desk: Desk) -> None:
    query = "SELECT count() AS n FROM trip_events WHERE city = {city:String} AND distance_km < {most:Float64}"
    given: dict[str, Any] = {"city": "Lagos", "most": 10}
    assert records(await desk.made(query, query_params=given)) == [["n"], ["5"]]
    assert records(await desk.made(query, query_params=given | {"city": "' OR '1'='1"}))[1] == ["0"]


async def test_no_more_rows_than_asked_for_and_it_says_so(desk: Desk) -> None:
    export_id = await desk.ask(QUERY, row_limit=5)
    await desk.runner().write_waiting()
    status = await desk.status(export_id)
    assert (status["rows"], status["limit_reached"], status["attempts"]) == (5, True, 1)
    assert status["created_at"] <= status["started_at"] <= status["completed_at"] < status["expires_at"]


async def test_joins_common_tables_and_aggregates_work(desk: Desk) -> None:
    query = (
        "WITH far AS (SELECT * FROM trip_events WHERE distance_km > 20) "
        "SELECT t.city AS city, count() AS trips, sum(f.driver_earnings) AS earned, "
        "groupArray(2)(t.state) AS states "
        "FROM openride_analytics.trip_events AS t JOIN far AS f ON t.trip_id = f.trip_id "
        "GROUP BY t.city ORDER BY city"
    ).replace("openride_analytics", desk.settings.clickhouse_database)
    head, *rows = records(await desk.made(query))
    assert head == ["city", "trips", "earned", "states"]
    assert rows[0] == ["Lagos", "10", "291.00", '["LA","LA"]']


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT no_such_column FROM trip_events", "no_such_column"),
        ("SELECT count( FROM trip_events", "cannot be read"),
        ("SELECT sumState(distance_km) AS s FROM trip_events", "function sumState is not allowed"),
        ("DROP TABLE trip_events", "must be a SELECT"),
        ("SELECT * FROM system.tables", "none of the tables of exports"),
    ],
)
async def test_what_cannot_be_exported_is_refused_at_once(desk: Desk, query: str, said: str) -> None:
    assert said in await desk.ask(query, status=422)


async def test_a_parameter_that_is_missing_is_named(desk: Desk) -> None:
    for query, given in (("SELECT {a:UInt8}", {}), ("SELECT 1", {"a": "1"})):
        assert "query_params: a " in await desk.ask(query, status=422, query_params=given)


async def test_files_have_safe_names_in_any_script(desk: Desk) -> None:
    export_id = await desk.ask("SELECT 1 AS a", filename='../../Trips "Èkó"\r\nX: 1')
    await desk.runner().write_waiting()
    _, response = await desk.call("GET", f"{export_id}/download")
    told = response.headers["Content-Disposition"]
    assert told == (
        "attachment; filename=\"Trips __k__X_ 1.csv\"; filename*=UTF-8''Trips%20_%C3%88k%C3%B3_X_%201.csv"
    )
    assert (await desk.status(export_id))["filename"] == "Trips _Èkó_X_ 1.csv"


async def test_an_export_is_its_owners_and_an_admins(desk: Desk) -> None:
    export_id = await desk.ask("SELECT 1 AS a")
    for method, path in (("GET", "/status"), ("GET", "/download"), ("DELETE", "")):
        await desk.call(method, export_id + path, "ben", 404)
        await desk.call(method, export_id + path, "eve", 403)
    assert (await desk.status(export_id, "root"))["status"] == "pending"
    await desk.call("GET", f"{export_id}/download", status=409)
    await desk.call("DELETE", export_id, "root", 204)
    assert (await desk.status(export_id))["status"] == "cancelled"


async def test_a_deleted_export_and_its_file_are_gone(desk: Desk) -> None:
    export_id = await desk.ask("SELECT 1 AS a")
    await desk.runner().write_waiting()
    folder = desk.settings.data_dir / "exports"
    assert list(folder.glob(f"{export_id}*"))
    await desk.call("DELETE", export_id, status=204)
    await desk.call("GET", f"{export_id}/status", status=404)
    assert not list(folder.glob(f"{export_id}*"))


async def test_a_download_goes_on_where_it_broke_off(desk: Desk) -> None:
    export_id = await desk.ask(QUERY)
    await desk.runner().write_waiting()
    whole, _ = await desk.call("GET", f"{export_id}/download")
    rest, _ = await desk.call("GET", f"{export_id}/download", status=206, headers={"Range": "bytes=100-"})
    assert rest == whole[100:]
    await is_downloaded_by_the_rules(desk, f"{export_id}/download", whole)


async def test_quick_csv_answers_at_once_below_ten_thousand_rows(desk: Desk) -> None:
    body, response = await desk.call("GET", "quick/csv", params={"query": QUERY})
    assert response.content_type == "text/csv"
    assert len(records(body)) == TRIPS + 1
    many = "SELECT arrayJoin(range({})) AS n"
    body, _ = await desk.call("GET", "quick/csv", params={"query": many.format(9_999)})
    assert len(records(body)) == 10_000
    body, _ = await desk.call("GET", "quick/csv", status=422, params={"query": many.format(10_000)})
    assert b"10,000 rows or more" in body


async def test_the_workbook_of_metrics_has_the_apis_figures(desk: Desk) -> None:
    asked = {"start_date": "2026-01-01", "end_date": "2026-02-01"}
    body, _ = await desk.call("GET", "metrics/excel", params=asked)
    book = load_workbook(io.BytesIO(body))
    assert book.sheetnames == ["Users", "Bookings", "Payments", "Trips"]
    for sheet in book.worksheets:
        headers = {"Authorization": f"Bearer {TOKENS['ada']}"}
        path = f"/v1/metrics/{sheet.title.lower()}"
        async with desk.site.client.get(path, params=asked, headers=headers) as response:
            answer = await response.json()
        found = {row[0]: row[1] for row in sheet.iter_rows(values_only=True) if row[0]}
        for field, value in answer.items():
            if not isinstance(value, list):
                assert found[title_of(KINDS[sheet.title][1], field, "NGN")] == pytest.approx(float(value)), (
                    field
                )
        assert len(sheet._charts) == 1


async def test_ties_that_are_cut_at_the_limit_are_told(desk: Desk) -> None:
    query = "SELECT city FROM trip_events ORDER BY state LIMIT 1 WITH TIES"
    told = []
    for limit in (5, 1_000):
        export_id = await desk.ask(query, row_limit=limit)
        await desk.runner().write_waiting()
        status = await desk.status(export_id)
        told.append((status["rows"], status["limit_reached"]))
        await desk.call("DELETE", export_id, status=204)
    assert told == [(5, True), (TRIPS, False)]
