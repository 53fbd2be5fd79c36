"""Text of any script as a page takes it: signs in a font that has them, right to left where it is so read."""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Final

from arabic_reshaper import reshape
from bidi.algorithm import get_display
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas

from openride_stream.errors import ConfigurationError
from openride_stream.reports.shaping import clusters, shaped, width_of

PLAIN: Final = "DejaVuSans"
BOLD: Final = "DejaVuSans-Bold"
SUBSTITUTE: Final = "\ufffd"
"""Stands for a sign that no font has; DejaVu Sans has it."""
_FOLDER: Final = Path(__file__).with_name("fonts")
# Han, Hiragana, Katakana, Hangul; then emoji. They are large, and are read by who has such a sign.
_ROWS: Final = (_FOLDER / "DroidSansFallback.ttf", _FOLDER / "NotoEmoji-Regular.ttf")
# Of scripts that are more than a row of signs.
_SHAPED: Final = (_FOLDER / "NotoSansDevanagari-Regular.ttf", _FOLDER / "NotoSansThai-Regular.ttf")
# They join or vary the signs beside them, for programs that know how to.
_JOINERS: Final = frozenset(map(chr, (0x200C, 0x200D, *range(0xFE00, 0xFE10))))
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL"})


@cache
def _font(path: Path) -> TTFont:
    try:
        font = TTFont(path.stem, str(path))
    except (TTFError, OSError) as error:
        message = f"OPENRIDE_REPORTS_FONTS: {path}: {error}"
        raise ConfigurationError(message) from error
    pdfmetrics.registerFont(font)
    return font


class Typesetter:
    """Sets the text of one document: in DejaVu Sans, then in its fallback fonts, then in `more` of them.

    `substituted` tells whether a sign was in none of them. What a page uses of a font goes into its file.
    """

    def __init__(self, more: Sequence[Path] = ()) -> None:
        self.substituted = False
        self._more = (*_ROWS, *_SHAPED, *more)
        self._shaped = frozenset(path.stem for path in (*_SHAPED, *more))
        for name in (PLAIN, BOLD):
            _font(_FOLDER / f"{name}.ttf")

    def is_row(self, text: str, font: str) -> bool:
        """Whether the text is a row of signs, as a paragraph takes it; else it is for `lines` and `draw`.

        Raises:
            ConfigurationError: a font of the settings is none.
        """
        return text.isascii() or not any(name in self._shaped for name, _ in self._runs(text, font))

    def markup(self, text: str, font: str, size: float, width: float) -> str:
        """The text, which is a row of signs, as the XML of a paragraph that is `width` points wide."""
        lines = self.lines(text, font, size, width) if _has_right_to_left(text) else [text]
        return "<br/>".join("".join(_tagged(*run, font) for run in self._runs(line, font)) for line in lines)

    def draw(self, canvas: Canvas, at: tuple[float, float], line: str, font: str, size: float) -> None:
        """Draw a line as it is seen on a page, from the left."""
        x, y = at
        for name, run in self._runs(line, font):
            canvas.setFont(name, size)
            written = canvas.beginText(x, y)
            written.textLine(shaped(run, name, size) if name in self._shaped else run)
            canvas.drawText(written)
            x += self._run_width(run, name, size)

    def lines(self, text: str, font: str, size: float, width: float) -> list[str]:
        """The text as it is seen, cut to lines that are at most `width` points wide.

        Between words; one that is wider, or that has none between, between its signs.
        """
        lines = [""]

        def fits(line: str) -> bool:
            return self.width(_as_seen(line), font, size) <= width

        for word in text.split(" "):
            if fits(longer := f"{lines[-1]} {word}" if lines[-1] else word):
                lines[-1] = longer
                continue
            lines += [""] if lines[-1] else []
            for cluster in clusters(word):
                if lines[-1] and not fits(lines[-1] + cluster):
                    lines.append("")
                lines[-1] += cluster
        return [_as_seen(line) for line in lines]

    def width(self, line: str, font: str, size: float) -> float:
        """How wide a line is, in points."""
        return sum(self._run_width(run, name, size) for name, run in self._runs(line, font))

    def _run_width(self, run: str, name: str, size: float) -> float:
        if name in self._shaped:
            return width_of(shaped(run, name, size), name, size)
        return float(pdfmetrics.stringWidth(run, name, size))

    def _runs(self, text: str, font: str) -> Iterator[tuple[str, str]]:
        signs = list(self._signs(text, font))
        for name, run in groupby(signs, key=lambda sign: sign[0]):
            yield name, "".join(sign for _, sign in run)

    def _signs(self, text: str, font: str) -> Iterator[tuple[str, str]]:
        name = font
        for sign in text:
            if sign not in _JOINERS:
                name, shown = self._sign(sign, font)
                yield name, shown
            elif name in self._shaped and ord(sign) in pdfmetrics.getFont(name).face.charToGlyph:
                yield name, sign

    def _sign(self, sign: str, font: str) -> tuple[str, str]:
        code = ord(sign)
        if code < 0x20:  # control signs, line ends among them
            return font, " "
        if code in pdfmetrics.getFont(font).face.charToGlyph:
            return font, sign
        for path in self._more:
            if code in (fallback := _font(path)).face.charToGlyph:
                return fallback.fontName, sign
        self.substituted = True
        return font, SUBSTITUTE


def _has_right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(sign) in _RIGHT_TO_LEFT for sign in text)


def _as_seen(line: str) -> str:
    """The line from left to right, letters of Arabic in the form that their neighbours ask for."""
    return str(get_display(reshape(line))) if _has_right_to_left(line) else line


def _tagged(name: str, run: str, font: str) -> str:
    # A paragraph is read as XML.
    escaped = run.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped if name == font else f'<font name="{name}">{escaped}</font>'
