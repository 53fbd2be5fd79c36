"""A report as a file: CSV, an Excel workbook, or pages."""

import csv
import re
from collections.abc import Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, Final

from openride_stream.api.choices import ReportFormat
from openride_stream.exports.cells import FORMULA
from openride_stream.sheets.sections import Block, Section

SUFFIXES: Final[dict[ReportFormat, str]] = {"csv": "csv", "excel": "xlsx", "pdf": "pdf"}
CONTENT_TYPES: Final[dict[ReportFormat, str]] = {
    "csv": "text/csv; charset=utf-8",
    "excel": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
_FORMULA: Final = re.compile(FORMULA)


def type_of_suffix(suffix: str) -> str:
    """The media type of a report's file."""
    return next(CONTENT_TYPES[form] for form, own in SUFFIXES.items() if own == suffix)


def file_of(title: str, sections: Sequence[Section], form: ReportFormat, fonts: Sequence[Path] = ()) -> bytes:
    """The bytes of a report's file; a PDF may need more `fonts`. It takes a moment: not for the event loop.

    Raises:
        ConfigurationError: one of them is no font.
    """
    if form == "pdf":
        # Half a second and tens of megabytes, for who wants pages.
        from openride_stream.reports.pages import pages

        return pages(title, sections, fonts)
    return _workbook(sections) if form == "excel" else _csv(sections)


def _workbook(sections: Sequence[Section]) -> bytes:
    from openpyxl import Workbook

    from openride_stream.sheets.figures import add_sheet

    book = Workbook(write_only=True)
    for section in sections:
        add_sheet(book, section)
    written = BytesIO()
    book.save(written)
    return written.getvalue()


def _csv(sections: Sequence[Section]) -> bytes:
    """One value a record: whose it is, which one, and, of figures, what it was in the period before."""
    text = StringIO(newline="")
    records = csv.writer(text)
    records.writerow(("section", "table", "item", "field", "value", "period_before", "change_percent"))
    for section in sections:
        for block in section.blocks:
            for row in block.rows:
                records.writerows(_records(section.title, block.title, block.columns, row))
        series = section.series or Block("", ("", ""), (), ())
        for day, value in series.rows:
            records.writerow((section.title, "By day", f"{day:%Y-%m-%d}", series.columns[1], value, "", ""))
    return text.getvalue().encode()


def _records(section: str, table: str, columns: Sequence[str], row: Sequence[Any]) -> list[tuple[Any, ...]]:
    if columns[0] == "Figure":
        name, value, before, changed, _ = row
        return [(section, table, "", name, value, before, "" if changed is None else changed)]
    item = _cell(row[0])
    return [
        (section, table, item, column, _cell(value), "", "")
        for column, value in zip(columns[1:], row[1:], strict=True)
    ]


def _cell(value: Any) -> Any:
    # Money and changes are texts that may begin with a sign, and are numbers.
    number = isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value)
    return f"'{value}" if isinstance(value, str) and not number and _FORMULA.match(value) else value
