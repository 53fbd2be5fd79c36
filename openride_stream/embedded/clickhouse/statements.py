"""What a statement is: rows out, rows in, or neither; and how it must be cut to run over a pipe."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from openride_stream.embedded.clickhouse.errors import ClickHouseError, Code
from openride_stream.embedded.clickhouse.lexer import Token, tokens

_ROW_STATEMENTS: Final = ("SELECT", "WITH", "FROM")


class Kind(Enum):
    """How a statement runs."""

    SELECT = "select"
    INSERT = "insert"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement cut into the parts that the engine is given again.

    `text` lacks the FORMAT clause of a SELECT, and the format, settings and rows of an INSERT; any other
    statement is whole.
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
        raise ClickHouseError(Code.SYNTAX_ERROR, "Empty query")
    if first.is_word("INSERT"):
        return _parse_insert(source, text)
    found = _single([first, *stream])
    _require_utf8(text)
    if _returns_rows(found):
        return _parse_select(text, found)
    at = _format_clause(found)
    output_format = "" if at is None else _bare(found[at + 1])
    return Statement(Kind.OTHER, text[: found[-1].end], output_format, tokens=tuple(found))


def _require_utf8(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ClickHouseError(Code.SYNTAX_ERROR, "The statement is not valid UTF-8") from None


def _single(found: list[Token]) -> list[Token]:
    """The tokens of the one statement, without its closing semicolon."""
    for position, token in enumerate(found):
        if token.text != ";":
            continue
        if any(later.text != ";" for later in found[position:]):
            raise ClickHouseError(Code.SYNTAX_ERROR, "Multi-statements are not allowed")
        if position == 0:
            raise ClickHouseError(Code.SYNTAX_ERROR, "Empty query")
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
    at = _format_clause(found)
    if at is None:
        return Statement(Kind.SELECT, text[:end], tokens=tuple(found))
    settings = text[found[at + 2].start : end] if at + 2 < len(found) else ""
    return Statement(
        Kind.SELECT, text[: found[at - 1].end], _bare(found[at + 1]), settings, tokens=tuple(found)
    )


def _format_clause(found: list[Token]) -> int | None:
    """Where `FORMAT name` stands, when only a SETTINGS clause follows it."""
    for at in range(len(found) - 2, 0, -1):
        if found[at].depth == 0 and found[at].is_word("FORMAT") and found[at + 1].kind in {"word", "name"}:
            last = at + 2 == len(found) or found[at + 2].is_word("SETTINGS")
            return at if last else None
    return None


def _bare(name: Token) -> str:
    return name.text[1:-1] if name.kind == "name" else name.text


def _parse_insert(source: bytes, text: str) -> Statement:
    """Read the head of an INSERT and stop where its rows begin: they may be any bytes."""
    head: list[Token] = []
    for token in tokens(text):
        if token.depth == 0 and _names_table(head):
            if token.is_word("VALUES"):
                return _insert(source, text, head, "Values", token.end)
            if token.is_word("SELECT", "WITH", "FROM"):
                return _insert_select(text)
            if token.text == ";":
                return _insert(source, text, head, "Values", token.start)
        if token.kind in {"word", "name"} and head and head[-1].is_word("FORMAT") and _names_table(head[:-1]):
            return _insert(source, text, head[:-1], _bare(token), token.end)
        if token.depth == 1 and head and head[-1].text == "(" and token.is_word("SELECT", "WITH"):
            return _insert_select(text)
        head.append(token)
    return _insert(source, text, head, "Values", len(text))


def _names_table(head: list[Token]) -> bool:
    """Whether the head already holds INSERT [INTO] [TABLE] and a table's name."""
    return any(not token.is_word("INSERT", "INTO", "TABLE") for token in head)


def _insert_select(text: str) -> Statement:
    found = _single(list(tokens(text)))
    _require_utf8(text)
    return Statement(Kind.OTHER, text[: found[-1].end], tokens=tuple(found))


def _insert(source: bytes, text: str, head: list[Token], row_format: str, rows_at: int) -> Statement:
    if not _names_table(head):
        msg = "INSERT names no table"
        raise ClickHouseError(Code.SYNTAX_ERROR, msg)
    target, settings = _split_settings(text, head)
    _require_utf8(target + settings)
    offset = len(text[:rows_at].encode("utf-8", "surrogateescape"))
    return Statement(
        Kind.INSERT, target, row_format, settings, _after_separator(source[offset:]), tokens=tuple(head)
    )


def _split_settings(text: str, head: list[Token]) -> tuple[str, str]:
    """The head up to its SETTINGS clause, and the clause: with a file the grammar wants it later."""
    for position, token in enumerate(head):
        if token.depth == 0 and token.is_word("SETTINGS") and _names_table(head[:position]):
            return text[: head[position - 1].end], text[token.start : head[-1].end]
    return text[: head[-1].end], ""


def _after_separator(rest: bytes) -> bytes:
    """What follows the format's name, without the blanks and the one line end before the rows."""
    rest = rest.lstrip(b" \t\f")
    if rest.startswith(b";") and not rest.strip(b"; \t\r\n\f"):
        return b""
    return rest.removeprefix(b"\r").removeprefix(b"\n")
