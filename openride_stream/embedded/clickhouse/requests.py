"""A request of ClickHouse's HTTP interface, read into a statement and a session."""

import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from openride_stream.embedded.clickhouse.errors import ClickHouseError, Code
from openride_stream.embedded.clickhouse.session import Session
from openride_stream.embedded.clickhouse.statements import Kind, Statement, parse_statement

# Enough for the head of any INSERT; the rest of the body is streamed.
HEAD_BYTES: Final = 64 * 1024
STATEMENT_LIMIT_BYTES: Final = 16 * 1024 * 1024
BODY_CHUNK_BYTES: Final = 256 * 1024
# Body, compression, query id -> the decompressed body.
Inflate = Callable[[bytes, str, str], Awaitable[bytes]]
DEFAULT_FORMAT: Final = "TabSeparated"

# fmt: off
_NOT_SETTINGS: Final = frozenset({
    "query", "database", "default_format", "query_id", "session_id", "session_timeout", "session_check",
    "close_session", "wait_end_of_query", "buffer_size", "user", "password", "quota_key", "stacktrace",
    "role", "client_protocol_version", "readonly", "compress", "decompress",
})
# fmt: on
_QUERY_ID: Final = re.compile(r"[\w.:@+=, -]{1,128}", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ENCODINGS: Final = {"": "none", "identity": "none", "gzip": "gzip", "deflate": "deflate", "br": "br"} | {
    name: name for name in ("zstd", "lz4", "xz", "bz2")
}


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """One statement as it came: what to run, with which session, and how to answer.

    `rows` yields the rows of an INSERT, compressed by `row_compression`; `compression` is the answer's.
    """

    statement: Statement
    session: Session
    default_format: str
    compression: str
    wait_end_of_query: bool
    row_compression: str
    rows: AsyncIterator[bytes]


def query_id_of(request: web.Request) -> str:
    """The client's id of the statement, or a new one.

    Raises:
        ClickHouseError: an id that cannot be looked for safely.
    """
    query_id = (
        request.query.get("query_id") or request.headers.get("X-ClickHouse-Query-Id") or str(uuid.uuid4())
    )
    if _QUERY_ID.fullmatch(query_id) is None:
        msg = "query_id must be 1 to 128 letters, digits, blanks or any of _.:@+=,-"
        raise ClickHouseError(Code.BAD_ARGUMENTS, msg)
    return query_id


async def read_query(request: web.Request, query_id: str, inflate: Inflate) -> QueryRequest:
    """Read everything but the rows of an INSERT.

    Raises:
        ClickHouseError: what the request lacks or cannot have.
    """
    _refuse_unsupported(request)
    session = _session(request, query_id)
    row_compression = _row_compression(request)
    if url_query := request.query.get("query", ""):
        statement = parse_statement(url_query.encode("utf-8", "surrogateescape"))
        rows = _joined(statement.rows, b"\n", request)
        if statement.rows and row_compression != "none":
            msg = "Rows stand in the statement and, compressed, in the body: put all of them in the body"
            raise ClickHouseError(Code.NOT_IMPLEMENTED, msg)
    elif row_compression == "none":
        statement = await _read_statement(request)
        rows = _joined(statement.rows, b"", request)
    else:
        compressed = await _read_up_to(request, STATEMENT_LIMIT_BYTES)
        statement = parse_statement(await inflate(compressed, row_compression, query_id))
        rows, row_compression = _joined(statement.rows, b"", request), "none"
    _refuse_session_state(request, statement)
    return QueryRequest(
        statement=statement,
        session=session,
        default_format=_default_format(request),
        compression=_answer_compression(request),
        wait_end_of_query=_is_on(request, "wait_end_of_query"),
        row_compression=row_compression,
        rows=rows,
    )


def _is_on(request: web.Request, name: str) -> bool:
    return request.query.get(name, "0") not in {"", "0", "false"}


def _refuse_unsupported(request: web.Request) -> None:
    if request.content_type.startswith("multipart/"):
        msg = "External tables (multipart bodies) are not supported"
        raise ClickHouseError(Code.NOT_IMPLEMENTED, msg)
    for name in ("compress", "decompress"):
        if _is_on(request, name):
            msg = f"The URL parameter {name} is not supported: use Content-Encoding and Accept-Encoding"
            raise ClickHouseError(Code.NOT_IMPLEMENTED, msg)


def _refuse_session_state(request: web.Request, statement: Statement) -> None:
    """Clients send a session_id by habit; what would live in that session is refused, not forgotten."""
    if "session_id" in request.query and statement.tokens[0].is_word("SET", "USE"):
        msg = f"{statement.tokens[0].text} has no effect: every request has a session of its own"
        raise ClickHouseError(Code.NOT_IMPLEMENTED, msg)


def _row_compression(request: web.Request) -> str:
    encoding = request.headers.get("Content-Encoding", "").lower()
    if encoding not in _ENCODINGS:
        msg = f"Unknown Content-Encoding {encoding}"
        raise ClickHouseError(Code.NOT_IMPLEMENTED, msg)
    return _ENCODINGS[encoding]


async def _read_statement(request: web.Request) -> Statement:
    """The statement in the body; behind the head of a long INSERT, the body is left to be streamed."""
    source = await _read_up_to(request, HEAD_BYTES)
    if len(source) < HEAD_BYTES:
        return parse_statement(source)
    statement = _insert_of(source)
    if statement is not None:
        return statement
    source += await _read_up_to(request, STATEMENT_LIMIT_BYTES)
    if len(source) >= STATEMENT_LIMIT_BYTES:
        msg = f"The statement exceeds {STATEMENT_LIMIT_BYTES} bytes"
        raise ClickHouseError(Code.QUERY_IS_TOO_LARGE, msg)
    return parse_statement(source)


def _insert_of(head: bytes) -> Statement | None:
    """The INSERT at the start of a long body; None when its head does not end here or it is none."""
    try:
        statement = parse_statement(head)
    except ClickHouseError:
        return None
    return statement if statement.kind is Kind.INSERT else None


async def _read_up_to(request: web.Request, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while size < limit_bytes and (
        chunk := await request.content.read(min(BODY_CHUNK_BYTES, limit_bytes - size))
    ):
        parts.append(chunk)
        size += len(chunk)
    return b"".join(parts)


async def _joined(first: bytes, separator: bytes, request: web.Request) -> AsyncIterator[bytes]:
    """The rows that stood beside the statement, then those of the body."""
    if first:
        yield first + separator
    while chunk := await request.content.read(BODY_CHUNK_BYTES):
        yield chunk


def _session(request: web.Request, query_id: str) -> Session:
    settings: dict[str, str] = {}
    parameters: dict[str, str] = {}
    for name, value in request.query.items():
        if _NAME.fullmatch(name) is None:
            raise ClickHouseError(Code.BAD_ARGUMENTS, f"Malformed URL parameter {name!r}")
        if name.startswith("param_"):
            parameters[name.removeprefix("param_")] = value
        elif name not in _NOT_SETTINGS:
            settings[name] = value
    database = request.query.get("database") or request.headers.get("X-ClickHouse-Database") or ""
    return Session(query_id, database, settings, parameters, _readonly(request))


def _readonly(request: web.Request) -> int:
    """The client's own wish; a GET never writes, but may change settings, as on the server."""
    asked = request.query.get("readonly", "0")
    if asked not in {"0", "1", "2"}:
        raise ClickHouseError(Code.BAD_ARGUMENTS, f"readonly must be 0, 1 or 2, not {asked!r}")
    return int(asked) or (2 if request.method in {"GET", "HEAD"} else 0)


def _default_format(request: web.Request) -> str:
    return request.query.get("default_format") or request.headers.get("X-ClickHouse-Format") or DEFAULT_FORMAT


def _answer_compression(request: web.Request) -> str:
    if not _is_on(request, "enable_http_compression"):
        return "none"
    accepted = accepted_encodings(request.headers)
    return next((name for name in ("zstd", "gzip", "br", "lz4", "deflate") if name in accepted), "none")


def accepted_encodings(headers: Mapping[str, str]) -> frozenset[str]:
    """The codings of Accept-Encoding that are not ruled out by q=0."""
    accepted = set()
    for item in headers.get("Accept-Encoding", "").lower().split(","):
        name, _, quality = item.partition(";")
        if quality.replace(" ", "") not in {"q=0", "q=0.0"}:
            accepted.add(name.strip())
    return frozenset(accepted)
