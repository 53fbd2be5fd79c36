"""A report as a PDF: a page for each section, with its figures, its series as a chart, its tables."""

import math
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from reportlab.graphics.charts.linecharts import HorizontalLineChart
from reportlab.graphics.shapes import Drawing
from reportlab.lib.colors import HexColor, white
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from openride_stream.reports.typesetting import BOLD, PLAIN, SUBSTITUTE, Typesetter
from openride_stream.sheets.sections import Block, Section, shown

_INK, _PALE, _GREY = HexColor("#1F4E5F"), HexColor("#EEF3F5"), HexColor("#6B7780")
_WIDTH: Final = A4[0] - 36 * mm
_SHARES: Final = {5: (0.27, 0.15, 0.15, 0.11, 0.32), 3: (0.5, 0.2, 0.3), 6: (0.4, 0.1, 0.14, 0.14, 0.12, 0.1)}
_CHART_LABELS: Final = 8
_LEFT_OUT: Final = "a sign that no font of this page has (CSV and Excel have it)"
_CELL: Final = 7.5
_CELL_ROOM: Final = 12.0


def pages(title: str, sections: Sequence[Section], fonts: Sequence[Path] = ()) -> bytes:
    """The bytes of the PDF; `fonts` have signs that its own fonts do not.

    Raises:
        ConfigurationError: one of them is no font.
    """
    setter = Typesetter(fonts)
    head = ParagraphStyle("head", fontName=BOLD, fontSize=17, leading=22, textColor=_INK)
    asked = ParagraphStyle("asked", fontName=PLAIN, fontSize=8, leading=11, textColor=_GREY)
    block = ParagraphStyle("block", fontName=BOLD, fontSize=10.5, leading=14, textColor=_INK, spaceBefore=8)
    story: list[Any] = []
    for number, section in enumerate(sections):
        if number:
            story.append(PageBreak())
        story += [
            _paragraph(setter, section.title, head, _WIDTH),
            _paragraph(setter, section.asked, asked, _WIDTH),
            Spacer(1, 4 * mm),
        ]
        first, *others = section.blocks
        story += [_table(setter, first), Spacer(1, 3 * mm)]
        if section.series is not None and len(section.series.rows) > 1:
            story += [_paragraph(setter, section.series.title, block, _WIDTH), _chart(section.series)]
        for other in others:
            if other.rows:
                story += [_paragraph(setter, other.title, block, _WIDTH), Spacer(1, 2 * mm)]
                story.append(_table(setter, other))
    written = BytesIO()
    document = SimpleDocTemplate(
        written, pagesize=A4, title=title, author="OpenRide Stream", topMargin=28 * mm, bottomMargin=18 * mm,
        leftMargin=18 * mm, rightMargin=18 * mm,
    )  # fmt: skip
    frame = _frame(setter, title[:80])
    document.build(story, onFirstPage=frame, onLaterPages=frame)
    return written.getvalue()


def _paragraph(setter: Typesetter, text: str, style: ParagraphStyle, width: float) -> Flowable:
    if not setter.is_row(text, style.fontName):
        return _Lines(setter, text, style)
    return Paragraph(setter.markup(text, style.fontName, style.fontSize, width), style)


class _Lines(Flowable):  # type: ignore[misc]  # reportlab has no types
    """A paragraph of text that is more than a row of signs."""

    def __init__(self, setter: Typesetter, text: str, style: ParagraphStyle) -> None:
        super().__init__()
        self.style = style
        self._setter = setter
        self._text = text
        self._lines: list[str] = []

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        """The room that it takes of what there is."""
        del height
        self._lines = self._setter.lines(self._text, self.style.fontName, self.style.fontSize, width)
        self.width, self.height = width, len(self._lines) * self.style.leading
        return self.width, self.height

    def draw(self) -> None:
        """Draw it, from the left, whichever way it is read."""
        self.canv.setFillColor(self.style.textColor)
        for number, line in enumerate(self._lines):
            y = self.height - self.style.fontSize - number * self.style.leading
            self._setter.draw(self.canv, (0, y), line, self.style.fontName, self.style.fontSize)


def _frame(setter: Typesetter, title: str) -> Any:
    (line,) = setter.lines(title, BOLD, 12, math.inf)

    def draw(canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.saveState()
        canvas.setFillColor(_INK)
        canvas.rect(0, A4[1] - 18 * mm, A4[0], 18 * mm, stroke=0, fill=1)
        canvas.setFillColor(white)
        setter.draw(canvas, (18 * mm, A4[1] - 11.5 * mm), line, BOLD, 12)
        canvas.setFillColor(_GREY)
        canvas.setFont(PLAIN, 7.5)
        left = f"OpenRide Stream   {SUBSTITUTE} {_LEFT_OUT}" if setter.substituted else "OpenRide Stream"
        canvas.drawString(18 * mm, 10 * mm, left)
        canvas.drawRightString(A4[0] - 18 * mm, 10 * mm, f"Page {document.page}")
        canvas.restoreState()

    return draw


def _table(setter: Typesetter, block: Block) -> Table:
    small = ParagraphStyle("cell", fontName=PLAIN, fontSize=_CELL, leading=9.5)
    titles = ParagraphStyle("title", fontName=BOLD, fontSize=_CELL, leading=9.5, textColor=white)
    right = ParagraphStyle("number", parent=small, alignment=2)
    right_titles = ParagraphStyle("number title", parent=titles, alignment=2)
    numbers = [_is_number(block, column) for column in range(len(block.columns))]
    widths = [share * _WIDTH for share in _SHARES[len(block.columns)]]
    styles = [right if number else small for number in numbers]
    heads = [right_titles if number else titles for number in numbers]

    def line(cells: Sequence[str], of: Sequence[ParagraphStyle]) -> list[Flowable]:
        return [
            _paragraph(setter, cell, style, width - _CELL_ROOM)
            for cell, style, width in zip(cells, of, widths, strict=True)
        ]

    rows = [line(block.columns, heads)]
    for number, row in enumerate(block.rows):
        cells = [shown(value, block.form(number, column)) for column, value in enumerate(row)]
        rows.append(line(cells, styles))
    table = Table(rows, colWidths=widths, repeatRows=1, hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, 0), _INK),
                ("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, _PALE]),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("TOPPADDING", (0, 0), (-1, -1), 2.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
            ]
        )
    )
    return table


def _is_number(block: Block, column: int) -> bool:
    return bool(block.rows) and block.form(0, column) not in ("", "date")


def _chart(series: Block) -> Drawing:
    drawing = Drawing(_WIDTH, 52 * mm)
    chart = HorizontalLineChart()
    chart.x, chart.y, chart.width, chart.height = 14 * mm, 10 * mm, _WIDTH - 18 * mm, 38 * mm
    chart.data = [[float(value) for _, value in series.rows]]
    every = max(1, -(-len(series.rows) // _CHART_LABELS))
    chart.categoryAxis.categoryNames = [
        f"{day:%d %b}" if number % every == 0 else "" for number, (day, _) in enumerate(series.rows)
    ]
    chart.categoryAxis.labels.fontName = chart.valueAxis.labels.fontName = PLAIN
    chart.categoryAxis.labels.fontSize = chart.valueAxis.labels.fontSize = 7
    chart.categoryAxis.visibleTicks = 0
    chart.categoryAxis.strokeColor = chart.valueAxis.strokeColor = _GREY
    chart.valueAxis.valueMin = 0
    chart.valueAxis.valueStep = step = _step(max(chart.data[0]))
    # Above all of it: what touches the edge looks cut.
    chart.valueAxis.valueMax = step * (math.floor(max(chart.data[0]) / step) + 1)
    chart.valueAxis.labelTextFormat = lambda value: f"{value:,.0f}"
    chart.valueAxis.visibleGrid, chart.valueAxis.gridStrokeColor = 1, _PALE
    chart.lines[0].strokeColor, chart.lines[0].strokeWidth = _INK, 1.4
    drawing.add(chart)
    return drawing


def _step(highest: float) -> int:
    """Of an axis from 0 to some four steps: a whole number that people count in."""
    power = int(10 ** max(0, math.floor(math.log10(max(highest, 1) / 4))))
    return next(each * power for each in (1, 2, 5, 10) if highest <= 4 * each * power)
