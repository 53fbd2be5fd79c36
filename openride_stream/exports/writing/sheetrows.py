"""Rows of a sheet as the text of its XML, which takes a tenth of the time that cells of openpyxl take."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from openpyxl.cell import WriteOnlyCell
from openpyxl.utils import get_column_letter

from openride_stream.exports.cells import Column, Kind
from openride_stream.sheets.styles import DATE, MOMENT, OF_TEXT, WHOLE, decimals, literal, plain

# From there on a double skips whole numbers.
_EXACT: Final = 2**53
_DECIMAL_CHARS: Final = 16
# Day 60 is the 29th of February 1900 to Excel, which never was: only after it programs agree on days.
_SAME_EVERYWHERE: Final = 61
_DAY_0: Final = datetime(1899, 12, 30)  # noqa: DTZ001  # days of a sheet have no zone
_TEXTS: Final = frozenset({"text", "id", "nested"})
_FORMATS: Final = {"int": WHOLE, "date": DATE, "moment": MOMENT}

Fill = Callable[[int, Any], str]
"""The XML of a cell, from the number of its row and its value."""


class SheetRows:
    """Rows of one sheet, whose styles belong to the workbook of `sheet`."""

    def __init__(self, sheet: Any, columns: Sequence[Column]) -> None:
        self._fills = [
            _fill(get_column_letter(number), _style_id(sheet, column), column)
            for number, column in enumerate(columns, 1)
        ]

    def text(self, number: int, row: Sequence[Any]) -> str:
        """The XML of a row; `number` counts from 1. None is no cell."""
        cells = [
            fill(number, value) for fill, value in zip(self._fills, row, strict=True) if value is not None
        ]
        return f'<row r="{number}">{"".join(cells)}</row>'


def _style_id(sheet: Any, column: Column) -> int:
    """The number of a column's style in the workbook, which it is made part of."""
    cell = WriteOnlyCell(sheet)
    number_format = decimals(column.places) if column.kind == "decimal" else _FORMATS.get(column.kind)
    if number_format is not None:
        cell.number_format = number_format
    if column.kind in _TEXTS:
        cell.alignment = OF_TEXT
    style_id: int = cell.style_id
    return style_id


def _fill(letter: str, style_id: int, column: Column) -> Fill:
    style = f' s="{style_id}"' if style_id else ""

    def text(number: int, value: Any) -> str:
        shown = literal(plain(value if isinstance(value, str) else str(value)))
        if "&" in shown or "<" in shown or ">" in shown:
            shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        kept = "" if shown == shown.strip() else ' xml:space="preserve"'
        return f'<c r="{letter}{number}"{style} t="inlineStr"><is><t{kept}>{shown}</t></is></c>'

    def flag(number: int, value: bool) -> str:
        return f'<c r="{letter}{number}"{style} t="b"><v>{value:d}</v></c>'

    def whole(number: int, value: int | str) -> str:
        if abs(int(value)) > _EXACT:
            # With more digits than a spreadsheet's numbers have: as text none is lost.
            return text(number, value)
        return f'<c r="{letter}{number}"{style}><v>{value}</v></c>'

    def figure(number: int, value: float) -> str:
        return f'<c r="{letter}{number}"{style}><v>{float(value)!r}</v></c>'

    def day(number: int, value: float) -> str:
        if value < _SAME_EVERYWHERE:
            at = _DAY_0 + timedelta(days=value)
            return text(number, at.isoformat(" ", "milliseconds") if column.kind == "moment" else at.date())
        return f'<c r="{letter}{number}"{style}><v>{value!r}</v></c>'

    def decimal(number: int, value: str) -> str:
        if len(value) > _DECIMAL_CHARS:
            return text(number, value)
        return f'<c r="{letter}{number}"{style}><v>{value}</v></c>'

    fills: dict[Kind, Fill] = {
        "bool": flag,
        "int": whole,
        "float": figure,
        "date": day,
        "moment": day,
        "decimal": decimal,
    }
    return fills.get(column.kind, text)
