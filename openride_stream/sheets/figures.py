"""A sheet of figures: blocks of rows one below the other, and a series with its chart beside them."""

from datetime import datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.chart import LineChart, Reference
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet
from openpyxl.worksheet.properties import PageSetupProperties

from openride_stream.sheets.sections import Block, Form, Section
from openride_stream.sheets.styles import (
    DATE,
    PERCENT,
    WHOLE,
    decimals,
    header_cell,
    number_cell,
    text_cell,
    width_of,
)

_FORMATS: Final[dict[Form, str]] = {
    "whole": WHOLE,
    "money": decimals(2),
    "average": decimals(2),
    "percent": PERCENT,
    "date": DATE,
}
_TITLE: Final = Font(name="Calibri", bold=True, size=14, color="FF1F4E5F")
_BLOCK: Final = Font(name="Calibri", bold=True, size=12)
_ASKED: Final = Font(name="Calibri", italic=True, color="FF666666")
_HEAD_ROWS: Final = 3


def add_sheet(book: Workbook, section: Section) -> None:
    """Add a sheet to a write-only workbook."""
    sheet = book.create_sheet(section.title)
    sheet.freeze_panes = f"A{_HEAD_ROWS + 1}"
    sheet.sheet_view.showGridLines = False
    # In print the figures, their days and the chart stand on one page.
    sheet.page_setup.orientation = "landscape"
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_setup.fitToHeight = 0
    left = [row for block in section.blocks for row in (*_lines(sheet, block), [])]
    right = _lines(sheet, section.series) if section.series else []
    beside_at = max(len(block.columns) for block in section.blocks) + 1
    _set_widths(sheet, section, beside_at)
    sheet.append([_styled(sheet, section.title, _TITLE)])
    sheet.append([_styled(sheet, section.asked, _ASKED)])
    sheet.append([])
    nothing: list[Cell] = []
    for cells, beside in zip_longest(left, right, fillvalue=nothing):
        padded = [*cells, *[None] * (beside_at - len(cells))]
        sheet.append([*padded, *beside] if beside else cells)
    if section.series and section.series.rows:
        chart = _chart(sheet, section.series, beside_at + 1)
        sheet.add_chart(chart, f"{get_column_letter(beside_at + 4)}{_HEAD_ROWS + 1}")


def _lines(sheet: WriteOnlyWorksheet, block: Block) -> list[list[Cell]]:
    rows = [
        [_cell(sheet, value, block.form(number, column)) for column, value in enumerate(row)]
        for number, row in enumerate(block.rows)
    ]
    head = [header_cell(sheet, title) for title in block.columns]
    return [[_styled(sheet, block.title, _BLOCK)], head, *rows]


def _cell(sheet: WriteOnlyWorksheet, value: Any, form: Form) -> Cell:
    if value is None:
        return WriteOnlyCell(sheet)
    if form == "":
        return text_cell(sheet, str(value))
    if isinstance(value, datetime):
        value = value.replace(tzinfo=None)
    if isinstance(value, str):
        value = Decimal(value)
    return number_cell(sheet, value, _FORMATS[form])


def _styled(sheet: WriteOnlyWorksheet, text: str, font: Font) -> Cell:
    cell = text_cell(sheet, text)
    cell.font = font
    return cell


def _set_widths(sheet: WriteOnlyWorksheet, section: Section, beside_at: int) -> None:
    rows = [row for block in section.blocks for row in (block.columns, *block.rows)]
    for number in range(beside_at - 1):
        texts = [str(row[number]) for row in rows if len(row) > number]
        sheet.column_dimensions[get_column_letter(number + 1)].width = width_of(texts)
    for number in (1, 2):
        sheet.column_dimensions[get_column_letter(beside_at + number)].width = 18


def _chart(sheet: WriteOnlyWorksheet, series: Block, column: int) -> LineChart:
    # Its title and its column titles are the first rows below the head of the sheet.
    first, last = _HEAD_ROWS + 2, _HEAD_ROWS + 2 + len(series.rows)
    chart = LineChart()
    chart.title = series.title
    chart.height, chart.width = 8.5, 17
    chart.legend = None
    chart.add_data(Reference(sheet, min_col=column + 1, min_row=first, max_row=last), titles_from_data=True)
    chart.set_categories(Reference(sheet, min_col=column, min_row=first + 1, max_row=last))
    chart.x_axis.number_format = "d mmm"
    chart.x_axis.delete = chart.y_axis.delete = False
    chart.series[0].smooth = False
    return chart
