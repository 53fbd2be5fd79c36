"""Files whose bytes the store makes: CSV and Parquet. Only their rows are counted here."""

from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

_QUOTE: Final = ord('"')
_LINE_END: Final = ord("\n")
_FOOTER_BYTES: Final = 8
_MAGIC: Final = b"PAR1"
# Of Thrift's compact protocol (parquet.thrift): FileMetaData is a struct whose third field is num_rows.
_NUM_ROWS: Final = 3
_BOOLEANS, _BYTE, _INTS, _DOUBLE, _BINARY, _LISTS, _STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, (9, 10), 12


class CsvFile:
    """CSV with a header, a record a line, quoted where a value has line ends."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("wb")
        self._quoted = False
        self._lines = 0
        self.size_bytes = 0

    @property
    def rows(self) -> int:
        """Records written, without the header."""
        return max(0, self._lines - 1)

    def write(self, chunk: bytes) -> None:
        """Add bytes as they came; a record may be cut anywhere."""
        self._file.write(chunk)
        self.size_bytes += len(chunk)
        signs = np.frombuffer(chunk, np.uint8)
        quotes = np.cumsum(signs == _QUOTE, dtype=np.int32) + self._quoted
        # A line end between an odd quote and an even one is part of a value.
        self._lines += int(np.count_nonzero((signs == _LINE_END) & (quotes % 2 == 0)))
        self._quoted = bool(quotes[-1] % 2)

    def close(self) -> None:
        """End the file."""
        self._file.close()


class ParquetFile:
    """Parquet, whose rows are told by its last bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = path.open("wb")
        self.rows = 0
        self.size_bytes = 0

    def write(self, chunk: bytes) -> None:
        """Add bytes as they came."""
        self._file.write(chunk)
        self.size_bytes += len(chunk)

    def close(self) -> None:
        """End the file; `rows` are known from here on.

        Raises:
            ValueError: it is no whole Parquet file.
        """
        self._file.close()
        self.rows = parquet_rows(self._path)


def parquet_rows(path: Path) -> int:
    """The number of rows that a Parquet file says it has."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _FOOTER_BYTES))
        end = file.read()
        length = int.from_bytes(end[:4], "little")
        if end[4:] != _MAGIC or length > size - _FOOTER_BYTES:
            message = "the store's answer is no whole Parquet file"
            raise ValueError(message)
        file.seek(size - _FOOTER_BYTES - length)
        return _Compact(file.read(length)).number_of(_NUM_ROWS)


class _Compact:
    """As much of Thrift's compact protocol as it takes to find one integer of a struct."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number_of(self, wanted: int) -> int:
        field = 0
        while (head := self._byte()) != 0:
            field = field + (head >> 4) if head >> 4 else self._zigzag()
            if field == wanted:
                return self._zigzag()
            self._skip(head & 0x0F)
        message = "the footer of the Parquet file does not tell its rows"
        raise ValueError(message)

    def _skip(self, kind: int) -> None:
        if kind in _INTS:
            self._varint()
        elif kind == _BINARY:
            length = self._varint()
            self._at += length
        elif kind == _DOUBLE:
            self._at += 8
        elif kind == _BYTE:
            self._at += 1
        elif kind in _LISTS:
            head = self._byte()
            count = head >> 4 if head >> 4 != 0x0F else self._varint()
            for _ in range(count):
                self._skip_element(head & 0x0F)
        elif kind == _STRUCT:
            while (head := self._byte()) != 0:
                if not head >> 4:
                    self._zigzag()
                self._skip(head & 0x0F)
        elif kind not in _BOOLEANS:
            message = f"a field of kind {kind} in the footer of the Parquet file"
            raise ValueError(message)

    def _skip_element(self, kind: int) -> None:
        # In a list a boolean has a byte of its own.
        self._skip(_BYTE if kind in _BOOLEANS else kind)

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
