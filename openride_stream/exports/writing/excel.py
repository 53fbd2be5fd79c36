"""Excel files from rows of JSON: written one after the other, so that memory does not grow with them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.utils import get_column_letter

from openride_stream.exports.cells import Column
from openride_stream.sheets.styles import (
    DATE,
    MOMENT,
    OF_TEXT,
    WHOLE,
    decimals,
    header_cell,
    plain,
    set_page,
    width_of,
)

SHEET_ROWS: Final = 1_048_576
"""Rows of a sheet, its header among them: more of them go on in the next."""
MAX_COLUMNS: Final = 16_384
_MEASURED_ROWS: Final = 500
# From there on a double skips whole numbers.
_EXACT: Final = 2**53
_NUMBERS: Final = frozenset({"int", "float", "decimal", "date", "moment"})
_FORMATS: Final = {"int": WHOLE, "date": DATE, "moment": MOMENT}


class ExcelFile:
    """A workbook of one query. Rows come as JSON arrays, one a line, of values that `cells.written` made."""

    def __init__(self, path: Path, columns: Sequence[Column], sheet_rows: int = SHEET_ROWS) -> None:
        if len(columns) > MAX_COLUMNS:
            message = f"an Excel sheet has at most {MAX_COLUMNS:,} columns, the query has {len(columns):,}"
            raise ValueError(message)
        self._path = path
        self._columns = columns
        self._sheet_rows = sheet_rows
        self._book = Workbook(write_only=True)
        self._begun: _Sheet | None = None
        self._rest = b""
        self.rows = 0

    @property
    def size_bytes(self) -> int:
        """Bytes of the file, which is there once it is closed; 0 before."""
        return self._path.stat().st_size if self._path.exists() else 0

    def write(self, chunk: bytes) -> None:
        """Add bytes as they came; a row may be cut anywhere."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if line:
                self._add(orjson.loads(line))

    def close(self) -> None:
        """End the workbook and write it to its path."""
        if self._rest.strip():
            self._add(orjson.loads(self._rest))
        (self._begun or self._next_sheet()).end()
        self._book.save(self._path)

    def _add(self, row: list[Any]) -> None:
        sheet = self._begun or self._next_sheet()
        if sheet.rows == self._sheet_rows - 1:
            sheet.end()
            sheet = self._next_sheet()
        sheet.add(row)
        self.rows += 1

    def _next_sheet(self) -> "_Sheet":
        number = len(self._book.worksheets) + 1
        self._begun = _Sheet(self._book, f"Rows {number}" if number > 1 else "Rows", self._columns)
        return self._begun


class _Sheet:
    """One sheet. Its first rows wait until the width of the columns is known."""

    def __init__(self, book: Workbook, title: str, columns: Sequence[Column]) -> None:
        self._sheet = book.create_sheet(title)
        self._columns = columns
        self._cells = [_cell(self._sheet, column) for column in columns]
        self._waiting: list[list[Any]] | None = []
        self.rows = 0

    def add(self, row: list[Any]) -> None:
        self.rows += 1
        if self._waiting is None:
            self._sheet.append(self._filled(row))
            return
        self._waiting.append(row)
        if len(self._waiting) == _MEASURED_ROWS:
            self._begin()

    def end(self) -> None:
        if self._waiting is not None:
            self._begin()
        last = get_column_letter(max(1, len(self._columns)))
        self._sheet.auto_filter.ref = f"A1:{last}{self.rows + 1}"
        self._sheet.close()

    def _begin(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        self._sheet.freeze_panes = "A2"
        set_page(self._sheet, 1)
        for number, column in enumerate(self._columns):
            shown = [_shown(row[number], column) for row in waiting]
            letter = get_column_letter(number + 1)
            self._sheet.column_dimensions[letter].width = width_of([column.name, *shown])
        heads = [(column.name, column.kind in _NUMBERS) for column in self._columns]
        self._sheet.append([header_cell(self._sheet, title, numbers=numbers) for title, numbers in heads])
        for row in waiting:
            self._sheet.append(self._filled(row))

    def _filled(self, row: list[Any]) -> list[Cell | None]:
        # A cell is written before the next row comes, so that each column needs but one.
        return [
            fill(value) if value is not None else None for fill, value in zip(self._cells, row, strict=True)
        ]


def _cell(sheet: Any, column: Column) -> Callable[[Any], Cell]:
    """What makes a value a cell of its column; the same one each time."""
    cell = WriteOnlyCell(sheet)
    number_format = decimals(column.places) if column.kind == "decimal" else _FORMATS.get(column.kind)
    if number_format is not None:
        cell.number_format = number_format
    if column.kind in ("text", "id", "nested"):
        cell.alignment = OF_TEXT
        return lambda value: _text(cell, value)
    if column.kind == "decimal":
        return lambda value: _number(cell, value if len(value) > 16 else float(value))
    return lambda value: _number(cell, value)


def _text(cell: Cell, value: Any) -> Cell:
    cell.value = plain(value if isinstance(value, str) else str(value))
    cell.data_type = "s"  # also of what begins with =
    return cell


def _number(cell: Cell, value: Any) -> Cell:
    if isinstance(value, str) or (isinstance(value, int) and abs(value) > _EXACT):
        # With more digits than a spreadsheet's numbers have: as text none is lost.
        return _text(cell, value)
    cell.value = value
    return cell


def _shown(value: Any, column: Column) -> str:
    if value is None:
        return ""
    return {"date": "2026-01-31", "moment": "2026-01-31 08:30:00.000"}.get(column.kind, str(value))
