"""What a report looks like beyond its figures: letters of many languages, long tables, odd names."""

from reportlab.pdfbase import pdfmetrics

from openride_stream.reports.files import file_of
from openride_stream.reports.pages import _fonts
from openride_stream.sheets.sections import Block, Section

# Yoruba, Hausa, Igbo, Polish, Turkish, Vietnamese, Greek, Cyrillic, Hebrew, Arabic; money; signs of ours.
LETTERS = "ẹọṣẸỌṢɓɗƙƁƊƘịụńǹŁźćęğışĐơừΑΩжКиївאבגابج₦€£–…"


def test_the_fonts_have_the_letters_of_the_platform_s_languages() -> None:
    for name in _fonts():
        glyphs = pdfmetrics.getFont(name).face.charToGlyph
        assert [letter for letter in LETTERS if ord(letter) not in glyphs] == []


def test_a_page_takes_whatever_names_and_places_are_called() -> None:
    odd = f"{LETTERS} <b>&amp; \N{GRINNING FACE} {'x' * 300}"
    rows = [(odd, number, odd) for number in range(90)]
    block = Block("Drivers", ("Driver", "Trips", "Meaning"), rows, ("", "whole", ""))
    pages = file_of(odd, [Section(odd, odd, [block])], "pdf")
    assert pages.startswith(b"%PDF")
    assert b"DejaVuSans" in pages
