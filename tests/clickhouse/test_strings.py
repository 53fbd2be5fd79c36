"""Strings that are copied out of a text are written as others are."""

import pytest

from openride_stream.clickhouse import strings
from openride_stream.events.columnar.text import Slices, Text

VALUES = [b"x" * size for size in (0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152)]


@pytest.mark.parametrize("values", [VALUES, VALUES[:3], VALUES[3:5], VALUES[:1], []])
def test_slices_are_written_as_lists_are(values: list[bytes]) -> None:
    strings.load()
    text = Text.joined(values)
    assert bytes(strings.written(Slices(text, text.starts, text.ends))) == bytes(strings.written(values))
