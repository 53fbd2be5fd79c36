"""What a spreadsheet would run, however it is hidden."""

import re

import pytest

from openride_stream.exports.cells import FORMULA, Column, written


@pytest.mark.parametrize(
    "begin", ["", " ", "\t", "\r\n", "\x00", "\x0b", "\x1f", "\u00a0", "\u00ad", "\u200b", "\u2028", "\ufeff"]
)
@pytest.mark.parametrize("sign", "=+-@＝＋－＠")
def test_a_formula_is_found_behind_what_is_not_seen(begin: str, sign: str) -> None:
    assert re.match(FORMULA, f"{begin}{sign}1")
    (_, _, title) = written("SELECT 1", [Column(f"{begin}{sign}1", "String")], "csv").partition(" AS ")
    assert title.startswith("`'")


@pytest.mark.parametrize("text", ["", "Lagos", "1-2", "a=b", "Àbújá", "-".join("ab"), "'=1", "[-1]"])
def test_other_text_is_left_alone(text: str) -> None:
    assert not re.match(FORMULA, text)
