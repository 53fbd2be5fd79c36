"""What a statement is: rows out, rows in, or neither; and how it must be cut to run over a pipe."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from openride_stream.embedded.clickhouse.errors import ClickHouseError
from openride_stream.embedded.clickhouse.lexer import Token, tokens

# A longer head (everything before the rows) is not parsed by the engine either.
MAX_HEAD_BYTES: Final = 1024 * 1024
_ROW_STATEMENTS: Final = ("SELECT", "WITH", "FROM")


class Kind(Enum):
    """How a statement runs."""

    SELECT = "select"
    INSERT = "insert"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement cut into the parts that the engine is given again.

    `text` lacks the FORMAT clause of a SELECT, and the format, settings and rows of an INSERT.
    `format` is "" when the client named none; `settings` is a whole SETTINGS clause or "";
    `rows` are the bytes of an INSERT that stood in the statement itself.
    """

    kind: Kind
    text: str
    format: str = ""
    settings: str = ""
    rows: bytes = b""
    tokens: tuple[Token, ...] = ()


def parse_statement(source: bytes) -> Statement:
    """Cut one statement.

    Args:
        source: UTF-8 text; only the rows of an INSERT may be any bytes.

    Raises:
        ClickHouseError: empty, more than one statement, a file clause of the client, or not UTF-8.
    """
    text = source.decode("utf-8", "surrogateescape")
    stream = tokens(text)
    first = next(stream, None)
    if first is None:
        raise ClickHouseError.of("SYNTAX_ERROR", "Empty query")
    if first.is_word("INSERT"):
        return _parse_insert(source, text)
    found = _single([first, *stream])
    _require_utf8(text)
    if _returns_rows(found):
        return _parse_select(text, found)
    return Statement(Kind.OTHER, text[: found[-1].end], tokens=tuple(found))


def _require_utf8(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ClickHouseError.of("SYNTAX_ERROR", "The statement is not valid UTF-8") from None


def _single(found: list[Token]) -> list[Token]:
    """The tokens of the one statement, without its closing semicolon."""
    for position, token in enumerate(found):
        if token.text != ";":
            continue
        if any(later.text != ";" for later in found[position:]):
            raise ClickHouseError.of("SYNTAX_ERROR", "Multi-statements are not allowed")
        if position == 0:
            raise ClickHouseError.of("SYNTAX_ERROR", "Empty query")
        return found[:position]
    return found


def _returns_rows(found: list[Token]) -> bool:
    first = found[0]
    if first.is_word("WITH"):
        # WITH … INSERT INTO … SELECT returns none.
        lead = next((t for t in found if t.depth == 0 and t.is_word("SELECT", "INSERT")), None)
        return lead is None or lead.is_word("SELECT")
    return first.is_word(*_ROW_STATEMENTS) or first.text == "("


def _parse_select(text: str, found: list[Token]) -> Statement:
    end = found[-1].end
    for position in range(len(found) - 2, 0, -1):
        token, name = found[position], found[position + 1]
        if token.depth or not token.is_word("FORMAT") or name.kind not in {"word", "name"}:
            continue
        after = found[position + 2] if position + 2 < len(found) else None
        if after is None or after.is_word("SETTINGS"):
            settings = text[after.start : end] if after else ""
            body = text[: found[position - 1].end]
            return Statement(Kind.SELECT, body, _bare(name), settings, tokens=tuple(found))
    return Statement(Kind.SELECT, text[:end], tokens=tuple(found))


def _bare(name: Token) -> str:
    return name.text[1:-1] if name.kind == "name" else name.text


def _parse_insert(source: bytes, text: str) -> Statement:
    head: list[Token] = []
    settings_at = 0
    for token in tokens(text):
        if token.depth == 0 and head:
            if token.is_word("VALUES") and _names_table(head):
                return _insert(source, text, head, settings_at, "Values", token.end)
            if head[-1].is_word("FORMAT") and _names_table(head[:-1]) and token.kind in {"word", "name"}:
                return _insert(source, text, head[:-1], settings_at, _bare(token), token.end)
            if token.is_word("SETTINGS") and _names_table(head):
                settings_at = len(head)
            if token.is_word("SELECT", "WITH", "FROM") and _names_table(head):
                return _insert_select(text)
        if token.depth == 1 and head and head[-1].text == "(" and token.is_word("SELECT", "WITH"):
            return _insert_select(text)
        if token.text == ";" and token.depth == 0:
            return _insert(source, text, head, settings_at, "Values", token.start)
        head.append(token)
    return _insert(source, text, head, settings_at, "Values", len(text))


def _names_table(head: list[Token]) -> bool:
    """Whether the head already holds INSERT [INTO] [TABLE] and a table's name."""
    return any(not token.is_word("INSERT", "INTO", "TABLE") for token in head)


def _insert_select(text: str) -> Statement:
    found = _single(list(tokens(text)))
    _require_utf8(text)
    return Statement(Kind.OTHER, text[: found[-1].end], tokens=tuple(found))


def _insert(
    source: bytes, text: str, head: list[Token], settings_at: int, row_format: str, rows_at: int
) -> Statement:
    if not _names_table(head):
        raise ClickHouseError.of("SYNTAX_ERROR", "INSERT names no table")
    target = head[:settings_at] if settings_at else head
    settings = text[head[settings_at].start : head[-1].end] if settings_at else ""
    offset = len(text[:rows_at].encode("utf-8", "surrogateescape"))
    body = text[: target[-1].end]
    _require_utf8(body + settings)
    rows = _after_separator(source[offset:])
    return Statement(Kind.INSERT, body, row_format, settings, rows, tuple(head))


def _after_separator(rest: bytes) -> bytes:
    """What follows the format's name, without the blanks and the one line end that separate it from the rows."""
    rest = rest.lstrip(b" \t\f")
    if rest.startswith(b";") and not rest.strip(b"; \t\r\n\f"):
        return b""
    return rest.removeprefix(b"\r").removeprefix(b"\n")
