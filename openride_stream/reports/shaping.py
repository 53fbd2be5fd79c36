"""Scripts that are more than a row of signs: Devanagari, Thai, and those of fonts that the settings name.

HarfBuzz chooses the glyphs of a run and their places, as its font has them.
"""

import unicodedata
from collections.abc import Iterator
from typing import Final

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import ShapedStr, shapeStr

# Of Thai: vowels that stand before the letter that they follow in speech, and signs that begin no line.
_BEFORE: Final = frozenset("\u0e40\u0e41\u0e42\u0e43\u0e44")
_AFTER: Final = frozenset("\u0e2f\u0e30\u0e32\u0e33\u0e45\u0e46")
_VIRAMA: Final = 9
_JOINERS: Final = frozenset("\u200c\u200d")


def shaped(run: str, font: str, size: float) -> str:
    """The glyphs of a run in one font, for a text object of a page, and where they go."""
    return str(run) if not run.strip() else shapeStr(run, font, size)


def width_of(glyphs: str, font: str, size: float) -> float:
    """How wide such a run is, in points."""
    if isinstance(glyphs, ShapedStr):
        return float(sum(glyph.x_advance for glyph in glyphs.__shapeData__) * size / 1000)
    return float(pdfmetrics.stringWidth(glyphs, font, size))


def clusters(word: str) -> Iterator[str]:
    """A word in pieces between which a line may end: a letter keeps its marks, and what it is joined to."""
    piece = ""
    for sign in word:
        if piece and not _goes_on(piece[-1], sign):
            yield piece
            piece = ""
        piece += sign
    if piece:
        yield piece


def _goes_on(before: str, sign: str) -> bool:
    is_mark = unicodedata.category(sign).startswith("M") or sign in _AFTER or sign in _JOINERS
    return is_mark or before in _BEFORE or before in _JOINERS or unicodedata.combining(before) == _VIRAMA
