"""Strings of ClickHouse's Native format: each with its length before it."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from openride_stream.events.columnar.text import Slices

Written = bytes | bytearray | memoryview


def varint(number: int) -> bytes:
    """A number as the format writes lengths: seven bits a byte, the low ones first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


_SHORT: Final = [varint(number) for number in range(2048)]


def written(encoded: Sequence[bytes]) -> Written:
    """Strings, as UTF-8, one after the other."""
    if isinstance(encoded, Slices) and _loaded:
        return _loaded[0](encoded.text.bytes, encoded.starts, encoded.ends).data
    sizes = [*map(len, encoded)]
    if min(sizes, default=0) > 0x7F and max(sizes) <= 0x3FFF:
        return _mid_sized(encoded, np.array(sizes))
    short = max(sizes, default=0) < len(_SHORT)
    heads = map(_SHORT.__getitem__ if short else varint, sizes)
    return b"".join(chain.from_iterable(zip(heads, encoded, strict=True)))


def _mid_sized(encoded: Sequence[bytes], sizes: npt.NDArray[np.int64]) -> bytearray:
    """Strings whose lengths take two bytes each; all lengths are written at once."""
    text = bytearray(b"\0\0").join([b"", *encoded])
    joined = np.frombuffer(text, np.uint8)
    heads = np.cumsum(sizes + 2) - sizes - 2
    joined[heads] = sizes & 0x7F | 0x80
    joined[heads + 1] = sizes >> 7
    return text


def load() -> None:
    """Have the loop compiled that copies them out of a text, or fetched from where it was kept.

    Raises:
        ImportError: the compiler is not there.
    """
    if not _loaded:
        from openride_stream.clickhouse import string_kernel

        nothing = np.empty(0, np.int64)
        string_kernel.prefixed(np.frombuffer(b"-", np.uint8), nothing, nothing)
        _loaded.append(string_kernel.prefixed)


_loaded: Final[list[Callable[..., npt.NDArray[Any]]]] = []
