"""What a report looks like beyond its figures: letters of many languages, long tables, odd names."""

from pathlib import Path
from unicodedata import category

import pytest
from pydantic import ValidationError
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import ShapedStr

from openride_stream.errors import ConfigurationError
from openride_stream.reports.files import file_of
from openride_stream.reports.shaping import shaped, width_of
from openride_stream.reports.typesetting import BOLD, PLAIN, SUBSTITUTE, Typesetter
from openride_stream.settings import Settings
from openride_stream.sheets.sections import Block, Section

# Yoruba, Hausa, Igbo, Polish, Turkish, Vietnamese, Greek, Cyrillic, Hebrew, Arabic; money; signs of ours.
LETTERS = "ẹọṣẸỌṢɓɗƙƁƊƘịụńǹŁźćęğışĐơừΑΩжКиївאבגابج₦€£–…" + SUBSTITUTE
# Chinese, Japanese, Korean; emoji with what joins and varies them.
FARTHER = "上海東京レポートひらがな서울\N{TAXI}\N{VARIATION SELECTOR-16}\N{ZERO WIDTH JOINER}\N{AUTOMOBILE}"


def test_the_fonts_have_the_letters_of_the_platform_s_languages() -> None:
    Typesetter()
    for name in (PLAIN, BOLD):
        glyphs = pdfmetrics.getFont(name).face.charToGlyph
        assert [letter for letter in LETTERS if ord(letter) not in glyphs] == []


def test_a_page_takes_whatever_names_and_places_are_called() -> None:
    odd = f"{LETTERS}{FARTHER} <b>&amp; {'x' * 300}"
    rows = [(odd, number, odd) for number in range(90)]
    block = Block("Drivers", ("Driver", "Trips", "Meaning"), rows, ("", "whole", ""))
    pages = file_of(odd, [Section(odd, odd, [block])], "pdf")
    assert pages.startswith(b"%PDF")
    assert all(name in pages for name in (b"DejaVuSans", b"DroidSansFallback", b"NotoEmoji"))


def test_signs_are_set_in_a_font_that_has_them_and_what_none_has_is_seen_to_be_missing() -> None:
    setter = Typesetter()
    marked = setter.markup(f"Ìbàdàn {FARTHER} & <b>", PLAIN, 8, 500)
    assert '<font name="DroidSansFallback">上海東京レポートひらがな서울</font>' in marked
    assert '<font name="NotoEmoji-Regular">\N{TAXI}\N{AUTOMOBILE}</font>' in marked
    assert marked.endswith("&amp; &lt;b&gt;")
    assert not setter.substituted
    assert setter.markup("Dhaka ঢা\n", PLAIN, 8, 500) == f"Dhaka {SUBSTITUTE * 2} "
    assert setter.substituted


@pytest.mark.parametrize(
    ("text", "font", "glyphs"),
    [
        # The vowel sign before its letter; one glyph for ksha, for shra; the r above what follows it.
        ("कि", "NotoSansDevanagari-Regular", 2),
        ("क्ष", "NotoSansDevanagari-Regular", 1),
        ("श्री", "NotoSansDevanagari-Regular", 2),
        ("र्क", "NotoSansDevanagari-Regular", 2),
        # Two letters of Thai with a mark each, and a vowel that is a ring and a letter.
        ("ที่ปู่", "NotoSansThai-Regular", 6),
        ("น้ำ", "NotoSansThai-Regular", 4),
    ],
)
def test_devanagari_and_thai_are_shaped(text: str, font: str, glyphs: int) -> None:
    setter = Typesetter()
    assert not setter.is_row(text, PLAIN)
    made = shaped(text, font, 8)
    assert isinstance(made, ShapedStr)
    assert len(made) == glyphs
    assert 0 < setter.width(text, PLAIN, 8) == pytest.approx(width_of(made, font, 8))
    assert not setter.substituted


def test_a_vowel_of_devanagari_that_is_written_before_its_letter_is_drawn_there() -> None:
    Typesetter().is_row("कि", PLAIN)
    name = "NotoSansDevanagari-Regular"
    alone = shaped("क", name, 8)
    assert not shaped("कि", name, 8).startswith(alone)
    assert shaped("की", name, 8).startswith(alone)


def test_a_line_of_thai_ends_between_letters_and_fits() -> None:
    text = "เที่ยวรถจากกรุงเทพมหานครไปเชียงใหม่และภูเก็ตในสัปดาห์ที่แล้ว"
    setter = Typesetter()
    lines = setter.lines(f"Trips {text}", PLAIN, 8, 60)
    assert "".join(lines) == f"Trips{text}"
    assert len(lines) > 3
    assert all(setter.width(line, PLAIN, 8) <= 60 for line in lines)
    # Neither a mark begins one, nor does a vowel that stands before its letter end one.
    assert not any(category(line[0]).startswith("M") or line[-1] in "เแโใไ" for line in lines)
    block = Block("सारणी", ("मार्ग", "n", "अर्थ"), [(text, 1, "दिल्ली-मुंबई (५०)")] * 60, ("", "whole", ""))
    pages = file_of(text, [Section(text, f"Trips, {text}", [block])], "pdf")
    assert all(name in pages for name in (b"NotoSansDevanagari", b"NotoSansThai"))


def test_what_is_read_from_the_right_begins_there_on_every_line() -> None:
    first, second = "שלום לכולם", "אחרי שורה"
    width = pdfmetrics.stringWidth(first, PLAIN, 8) + 1
    assert Typesetter().markup(f"{first} {second}", PLAIN, 8, width) == f"{first[::-1]}<br/>{second[::-1]}"
    # Letters of Arabic join: beh in its initial form, alef in its final one, beh alone.
    assert Typesetter().markup("Lagos باب", PLAIN, 8, 500) == "Lagos \ufe8f\ufe8e\ufe91"


def test_fonts_of_the_settings_are_looked_at(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="reports_fonts"):
        Settings(_env_file=None, reports_fonts=str(tmp_path / "none.ttf"))
    (tmp_path / "none.ttf").write_bytes(b"no font")
    settings = Settings(_env_file=None, reports_fonts=f" {tmp_path / 'none.ttf'},")
    section = Section("ঢা", "asked", [Block("b", ("a", "b", "c"), [], ("", "", ""))])
    with pytest.raises(ConfigurationError, match="OPENRIDE_REPORTS_FONTS"):
        file_of("t", [section], "pdf", settings.reports_font_files)
