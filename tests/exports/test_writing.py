"""Files as their writers make them, byte by byte however they come."""

import csv
import io
import re
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from openride_stream.exports.cells import Column, written
from openride_stream.exports.files import safe_name
from openride_stream.exports.writing.excel import ExcelFile
from openride_stream.exports.writing.pace import Pace
from openride_stream.exports.writing.plain import CsvFile, parquet_rows
from openride_stream.sheets.styles import MAX_CELL_CHARS


@given(
    cells=st.lists(st.text(alphabet='a,"\r\n', max_size=6), min_size=1, max_size=20),
    cut=st.integers(min_value=1, max_value=7),
)
@settings(max_examples=100, deadline=None)
def test_records_are_counted_wherever_the_bytes_are_cut(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str], cut: int
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["name"], *([cell] for cell in cells)])
    body = text.getvalue().encode()
    file = CsvFile(tmp_path_factory.mktemp("csv") / "x")
    for start in range(0, len(body), cut):
        file.write(body[start : start + cut])
    file.close()
    assert (file.rows, file.size_bytes) == (len(cells), len(body))


@pytest.mark.parametrize("rows", [0, 1, 70_000])
def test_parquet_tells_its_rows(tmp_path: Path, rows: int) -> None:
    table = pa.table({"a": pa.array(range(rows), pa.int64()), "b": pa.array(["x"] * rows, pa.string())})
    pyarrow.parquet.write_table(table, tmp_path / "x", row_group_size=1_000)
    assert parquet_rows(tmp_path / "x") == rows


def test_half_a_parquet_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"PAR1 and then nothing more")
    with pytest.raises(ValueError, match="no whole Parquet file"):
        parquet_rows(tmp_path / "x")


def test_more_rows_than_a_sheet_has_go_on_in_the_next(tmp_path: Path) -> None:
    file = ExcelFile(tmp_path / "x.xlsx", [Column("n", "UInt64")], sheet_rows=4)
    body = b"".join(b"[%d]\n" % number for number in range(8))
    for start in range(0, len(body), 5):
        file.write(body[start : start + 5])
    file.close()
    sheets = load_workbook(tmp_path / "x.xlsx").worksheets
    assert [sheet.title for sheet in sheets] == ["Rows", "Rows 2", "Rows 3"]
    assert [[row[0] for row in sheet.values] for sheet in sheets] == [
        ["n", 0, 1, 2],
        ["n", 3, 4, 5],
        ["n", 6, 7],
    ]
    assert all(sheet.freeze_panes == "A2" for sheet in sheets)


def test_what_a_cell_cannot_hold_is_held_otherwise(tmp_path: Path) -> None:
    columns = [Column("text", "String"), Column("big", "UInt64"), Column("money", "Decimal(38, 2)")]
    file = ExcelFile(tmp_path / "x.xlsx", columns)
    long = "\U0001f697" * MAX_CELL_CHARS
    file.write(b'["a\\u0000b", 18446744073709551615, "12345678901234567890.12"]\n')
    file.write(f'["{long}", 1, null]\n'.encode())
    file.close()
    (sheet,) = load_workbook(tmp_path / "x.xlsx").worksheets
    assert [cell.value for cell in sheet[2]] == [
        "a\ufffdb",
        "18446744073709551615",
        "12345678901234567890.12",
    ]
    shown = sheet["A3"].value
    assert shown.endswith("\U0001f697…")
    assert len(shown.encode("utf-16-le")) // 2 <= MAX_CELL_CHARS


def test_numbers_are_numbers_and_days_are_days_whatever_their_size(tmp_path: Path) -> None:
    columns = [
        Column("f", "Float64"),
        Column("i", "Int256"),
        Column("d", "Date32"),
        Column("m", "DateTime64(3)"),
    ]
    file = ExcelFile(tmp_path / "x.xlsx", columns)
    file.write(
        b'[100000000000000000, "5", 2, 60.5]\n[-0.0, "170141183460469231731687303715884105727", 61, 61.25]\n'
    )
    file.close()
    (sheet,) = load_workbook(tmp_path / "x.xlsx").worksheets
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    # Before March 1900 programs do not agree on the day of a number.
    assert rows[0] == [1e17, 5, "1900-01-01", "1900-02-28 12:00:00.000"]
    assert rows[1] == [0, str(2**127 - 1), datetime(1900, 3, 1), datetime(1900, 3, 1, 6)]  # noqa: DTZ001


def test_text_that_looks_like_the_code_of_a_letter_stays_text(tmp_path: Path) -> None:
    """A spreadsheet reads _x0041_ as A, and _x005F_ as the underscore that it is told with."""
    file = ExcelFile(tmp_path / "x.xlsx", [Column("_x000D_", "String")])
    file.write(b'["_x0041_ _x41_ _x0041"]\n')
    file.close()
    (sheet,) = load_workbook(tmp_path / "x.xlsx").worksheets
    shown = [
        re.sub("_x([0-9A-F]{4})_", lambda code: chr(int(code[1], 16)), cell.value) for cell in sheet["A"]
    ]
    assert shown == ["_x000D_", "_x0041_ _x41_ _x0041"]


def test_names_of_columns_cannot_leave_their_quotes() -> None:
    sql = written("SELECT 1", [Column("a` FROM system.one --\\", "String")], "csv")
    assert "`a\\` FROM system.one --\\\\`" in sql


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("trips", "trips.csv"),
        ("trips.csv", "trips.csv"),
        ("../../etc/passwd", "passwd.csv"),
        ("..\\windows\\x", "x.csv"),
        ("NUL", "_NUL.csv"),
        ("...", "export.csv"),
        ("Ìròyìn\r\nSet-Cookie: a=b", "Ìròyìn_Set-Cookie_ a_b.csv"),
        ("a" * 500, f"{'a' * 120}.csv"),
    ],
)
def test_names_of_files_are_safe(wanted: str, name: str) -> None:
    assert safe_name(wanted, "csv") == name


@pytest.mark.parametrize("letter", ["a", "Ọ", "語", "\N{GRINNING FACE}"])
def test_a_name_fits_into_any_file_system(letter: str, tmp_path: Path) -> None:
    name = safe_name(letter * 300, "parquet")
    assert len(name.encode()) <= 255
    assert name.endswith(".parquet")
    (tmp_path / name).touch()


def test_a_sheet_is_printed_as_wide_as_a_page_and_its_heads_stand_over_their_values(tmp_path: Path) -> None:
    file = ExcelFile(tmp_path / "x.xlsx", [Column("city", "String"), Column("seats", "UInt8")])
    file.write(b'["Lagos", 3]\n')
    file.close()
    (sheet,) = load_workbook(tmp_path / "x.xlsx").worksheets
    assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == ("landscape", 0)
    assert (sheet.sheet_properties.pageSetUpPr.fitToPage, sheet.print_title_rows) == (True, "$1:$1")
    text, number = sheet[1]
    assert (text.alignment.horizontal, number.alignment.horizontal) == ("left", "right")
    assert sheet["A2"].alignment.indent == text.alignment.indent == 1


def test_the_writer_rests_while_others_want_the_processor_and_only_then() -> None:
    passed, had, rests = [0.0], [0.0], []
    pace = Pace(lambda: passed[0], lambda: had[0], rests.append)
    for share in (1.0, 0.9, 0.25, 0.9):
        with pace.work():
            passed[0] += 0.125
            had[0] += 0.125 * share
    assert rests == [0.375]
