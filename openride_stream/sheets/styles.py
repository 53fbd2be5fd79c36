"""How workbooks look: one header, one set of number formats."""

import re
from typing import Final

from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet._write_only import WriteOnlyWorksheet
from openpyxl.worksheet.properties import PageSetupProperties

HEADER_FONT: Final = Font(name="Calibri", bold=True, color="FFFFFFFF")
HEADER_FILL: Final = PatternFill("solid", fgColor="FF1F4E5F")
OF_TEXT: Final = Alignment(horizontal="left", indent=1)
"""Text in a column of its own: with room before it, since a number may end there."""
_HEADER_OF_TEXT: Final = Alignment(horizontal="left", vertical="center", indent=1)
_HEADER_OF_NUMBERS: Final = Alignment(horizontal="right", vertical="center")

WHOLE: Final = "#,##0"
PERCENT: Final = '0.00"%"'
DATE: Final = "yyyy-mm-dd"
MOMENT: Final = "yyyy-mm-dd hh:mm:ss.000"
_A4: Final = 9
MAX_CELL_CHARS: Final = 32_767
"""The most that a cell of Excel takes, in UTF-16 units."""

_CODE: Final = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
# What XML 1.0 has no way to write.
_NO_XML: Final = dict.fromkeys(
    (*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF), "\ufffd"
)


def set_page(sheet: WriteOnlyWorksheet, header_rows: int) -> None:
    """How a sheet is printed: as wide as a page, its first rows on each. Before its first row is written."""
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = _A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.print_title_rows = f"1:{header_rows}"


def decimals(places: int) -> str:
    """The number format with so many decimal places."""
    return f"#,##0.{'0' * places}" if places else WHOLE


def header_cell(sheet: WriteOnlyWorksheet, title: str, *, numbers: bool) -> Cell:
    """A cell of the header row, above text or above `numbers`."""
    cell = text_cell(sheet, title)
    cell.font, cell.fill = HEADER_FONT, HEADER_FILL
    cell.alignment = _HEADER_OF_NUMBERS if numbers else _HEADER_OF_TEXT
    return cell


def text_cell(sheet: WriteOnlyWorksheet, text: str) -> Cell:
    """A cell that is text whatever it begins with: never a formula."""
    cell = WriteOnlyCell(sheet, literal(plain(text)))
    cell.data_type = "s"
    return cell


def number_cell(sheet: WriteOnlyWorksheet, value: float | None, number_format: str) -> Cell:
    """A number as it is shown."""
    cell = WriteOnlyCell(sheet, value)
    cell.number_format = number_format
    return cell


def plain(text: str) -> str:
    """The text as a cell takes it: what XML cannot write is replaced, and what is too long cut."""
    if not text.isprintable():
        text = text.translate(_NO_XML)
    if len(text) * 2 > MAX_CELL_CHARS:
        units = text.encode("utf-16-le")
        if len(units) > 2 * MAX_CELL_CHARS:
            text = units[: 2 * MAX_CELL_CHARS - 2].decode("utf-16-le", "ignore") + "…"
    return text


def literal(text: str) -> str:
    """The text with what a spreadsheet would read as the code of a sign, such as _x0041_, written out."""
    return _CODE.sub("_x005F_", text) if "_x" in text else text


def width_of(texts: list[str]) -> float:
    """A column's width, in characters, at which these can be read; no wider than a screen."""
    longest = max((len(line) for text in texts for line in text.split("\n")), default=0)
    return min(max(longest + 3.5, 9.0), 60.0)
