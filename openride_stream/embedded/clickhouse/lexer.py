"""ClickHouse's tokens, as far as we must see them to know where a statement ends and what it calls."""

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, cast

from openride_stream.embedded.clickhouse.errors import ClickHouseError, Code

TokenKind = Literal["word", "name", "string", "number", "sign"]

# Typographic quotes are quotes to ClickHouse as well.
_TOKEN: Final = re.compile(
    r"""
      (?P<skip> \s+ | --[^\n]* | \#[ !][^\n]* | /\*.*?\*/ )
    | (?P<string> '(?:[^'\\]|\\.|'')*' | \u2018[^\u2019]*\u2019 | (?P<fence>\$\w*\$).*?(?P=fence) )
    | (?P<name> "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*` | \u201c[^\u201d]*\u201d )
    | (?P<number> \d\w*(?:\.\w*)? )
    | (?P<word> [^\W\d][\w$]* )
    | (?P<sign> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_BRACKETS: Final = _OPENING | _CLOSING
_OPENERS: Final = frozenset("'\"`\u2018\u201c")


class Token(NamedTuple):
    """One token: its kind, its text as written, and where it starts and ends in the statement."""

    kind: TokenKind
    text: str
    start: int
    end: int
    depth: int

    def is_word(self, *words: str) -> bool:
        """Whether this is one of these keywords (upper case), unquoted."""
        return self.kind == "word" and self.text.upper() in words

    @property
    def identifier(self) -> str:
        """The name in lower case without its quotes, "" when this is no identifier."""
        if self.kind == "word":
            return self.text.lower()
        return self.text[1:-1].lower() if self.kind == "name" else ""


def tokens(text: str, start: int = 0) -> Iterator[Token]:
    """The tokens of `text` from `start`, without white space and comments; brackets carry the outer depth.

    Raises:
        ClickHouseError: a quote or a comment is opened and never closed.
    """
    depth = 0
    for match in _TOKEN.finditer(text, start):
        # The group that was closed last: never the fence within a string.
        kind, found = cast("TokenKind", match.lastgroup), match[0]
        if kind == "sign":
            if found in _BRACKETS:
                depth -= found in _CLOSING
                yield Token(kind, found, match.start(), match.end(), depth)
                depth += found in _OPENING
                continue
            if not found.isascii() and found not in _OPENERS:
                # ClickHouse skips invisible characters that Python does not call white space.
                continue
            if found in _OPENERS or text.startswith("/*", match.start()):
                msg = f"Unterminated {found!r} at position {match.start() + 1}"
                raise ClickHouseError(Code.SYNTAX_ERROR, msg)
        elif match.lastgroup == "skip":
            continue
        yield Token(kind, found, match.start(), match.end(), depth)
