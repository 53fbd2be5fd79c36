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

PLAIN: Final = "DejaVuSans"
BOLD: Final = "DejaVuSans-Bold"
SUBSTITUTE: Final = "\ufffd"
"""Stands for a sign that no font has; DejaVu Sans has it."""
_FOLDER: Final = Path(__file__).with_name("fonts")
# Han, Hiragana, Katakana, Hangul; then emoji. They are large, and are read by who has such a sign.
_FALLBACKS: Final = (_FOLDER / "DroidSansFallback.ttf", _FOLDER / "NotoEmoji-Regular.ttf")
# They join or vary the signs beside them, for programs that know how to.
_JOINERS: Final = dict.fromkeys((0x200C, 0x200D, *range(0xFE00, 0xFE10)))
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
        self._more = (*_FALLBACKS, *more)
        for name in (PLAIN, BOLD):
            _font(_FOLDER / f"{name}.ttf")

    def markup(self, text: str, font: str, size: float, width: float) -> str:
        """The text as the XML of a paragraph that is `width` points wide.

        Raises:
            ConfigurationError: a font of the settings is none.
        """
        lines = self._lines(text, font, size, width)
        return "<br/>".join("".join(_tagged(*run, font) for run in self._runs(line, font)) for line in lines)

    def draw(self, canvas: Canvas, at: tuple[float, float], text: str, font: str, size: float) -> None:
        """Draw a line of text on a page, from the left."""
        x, y = at
        for name, run in self._runs(_as_seen(text), font):
            canvas.setFont(name, size)
            canvas.drawString(x, y, run)
            x += pdfmetrics.stringWidth(run, name, size)

    def _lines(self, text: str, font: str, size: float, width: float) -> list[str]:
        """The text as it is seen. From right to left a line begins with its last word: it is cut here."""
        if not _has_right_to_left(text):
            return [text]
        lines: list[str] = []
        for word in text.split(" "):
            longer = f"{lines[-1]} {word}" if lines else word
            if not lines or self._width(_as_seen(longer), font, size) > width:
                lines.append(word)
            else:
                lines[-1] = longer
        return [_as_seen(line) for line in lines]

    def _width(self, text: str, font: str, size: float) -> float:
        return float(sum(pdfmetrics.stringWidth(run, name, size) for name, run in self._runs(text, font)))

    def _runs(self, text: str, font: str) -> Iterator[tuple[str, str]]:
        signs = [self._sign(sign, font) for sign in text.translate(_JOINERS)]
        for name, run in groupby(signs, key=lambda sign: sign[0]):
            yield name, "".join(sign for _, sign in run)

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
