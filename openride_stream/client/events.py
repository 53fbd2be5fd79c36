"""Server-sent events, as far as the realtime stream uses them."""

from collections.abc import Iterator


class EventReader:
    """From the bytes of a stream, cut anywhere, to the data of its events.

    Lines end where bytes say so: Python's `splitlines`, and with it httpx's, would also cut JSON at a
    U+2028 inside a string.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The data of every event that ends in this chunk; its lines are joined as the standard has it."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            name, _, value = line.removesuffix(b"\r").partition(b":")
            if name == b"data":
                self._lines.append(value.removeprefix(b" "))
            elif not name and not value and self._lines:
                yield b"\n".join(self._lines)
                self._lines = []
