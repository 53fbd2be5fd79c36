"""Excel files from rows of JSON: written one after the other, so that memory does not grow with them.

openpyxl makes the workbook: its sheets, styles and header rows. The other rows are put into the XML of the
sheets as it is packed.
"""

import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import orjson
from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from openride_stream.exports.cells import Column
from openride_stream.exports.writing.pace import Pace
from openride_stream.exports.writing.sheetrows import SheetRows
from openride_stream.sheets.styles import header_cell, set_page, width_of

SHEET_ROWS: Final = 1_048_576
"""Rows of a sheet, its header among them: more of them go on in the next."""
MAX_COLUMNS: Final = 16_384
_MEASURED_ROWS: Final = 500
_NUMBERS: Final = frozenset({"int", "float", "decimal", "date", "moment"})
_END_OF_ROWS: Final = b"</sheetData>"
_PACKED_BYTES: Final = 256 * 1024


class ExcelFile:
    """A workbook of one query. Rows come as JSON arrays, one a line, of values that `cells.written` made."""

    def __init__(
        self,
        path: Path,
        columns: Sequence[Column],
        sheet_rows: int = SHEET_ROWS,
        pace: Pace | None = None,
    ) -> None:
        if len(columns) > MAX_COLUMNS:
            message = f"an Excel sheet has at most {MAX_COLUMNS:,} columns, the query has {len(columns):,}"
            raise ValueError(message)
        self._path = path
        self._columns = columns
        self._sheet_rows = sheet_rows
        self._pace = pace or Pace()
        self._book = Workbook(write_only=True)
        self._sheets: list[_Sheet] = []
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
        (self._sheets[-1] if self._sheets else self._next_sheet()).end()
        made = BytesIO()
        self._book.save(made)
        rows = {sheet.part: sheet.rows_xml for sheet in self._sheets}
        with ZipFile(made) as book, ZipFile(self._path, "w", ZIP_DEFLATED) as packed:
            for part in book.infolist():
                self._pack(packed, part, book.read(part), rows.get(part.filename))

    def _pack(self, packed: ZipFile, part: ZipInfo, xml: bytes, rows_xml: IO[bytes] | None) -> None:
        """Add a part of the workbook; where it is a sheet, with its rows below what it has."""
        if rows_xml is None:
            packed.writestr(part, xml)
            return
        above, end, below = xml.rpartition(_END_OF_ROWS)
        part.file_size = len(xml) + rows_xml.tell()
        rows_xml.seek(0)
        with packed.open(part, "w") as sheet:
            sheet.write(above)
            while chunk := rows_xml.read(_PACKED_BYTES):
                with self._pace.work():
                    sheet.write(chunk)
            sheet.write(end + below)
        rows_xml.close()

    def _add(self, row: list[Any]) -> None:
        sheet = self._sheets[-1] if self._sheets else self._next_sheet()
        if sheet.rows == self._sheet_rows - 1:
            sheet.end()
            sheet = self._next_sheet()
        sheet.add(row)
        self.rows += 1

    def _next_sheet(self) -> "_Sheet":
        number = len(self._sheets) + 1
        sheet = _Sheet(self._book, f"Rows {number}" if number > 1 else "Rows", self._columns)
        self._sheets.append(sheet)
        return sheet


class _Sheet:
    """One sheet. Its first rows wait until the width of the columns is known."""

    def __init__(self, book: Workbook, title: str, columns: Sequence[Column]) -> None:
        self._sheet = book.create_sheet(title)
        self._columns = columns
        self._xml = SheetRows(self._sheet, columns)
        self._waiting: list[list[Any]] | None = []
        # Where the process has its temporary files; gone with it.
        self.rows_xml = tempfile.TemporaryFile()  # noqa: SIM115  # closed when it is packed
        self.rows = 0

    @property
    def part(self) -> str:
        """Its name in the packed workbook."""
        path: str = self._sheet.path
        return path.removeprefix("/")

    def add(self, row: list[Any]) -> None:
        self.rows += 1
        if self._waiting is None:
            self._write(self.rows, row)
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
        for number, row in enumerate(waiting, 1):
            self._write(number, row)

    def _write(self, number: int, row: list[Any]) -> None:
        # Its header is the first.
        self.rows_xml.write(self._xml.text(number + 1, row).encode())


def _shown(value: Any, column: Column) -> str:
    if value is None:
        return ""
    return {"date": "2026-01-31", "moment": "2026-01-31 08:30:00.000"}.get(column.kind, str(value))
