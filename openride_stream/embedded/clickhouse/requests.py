"""A request of ClickHouse's HTTP interface, read into a statement and a session."""

import base64
import binascii
import hmac
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from openride_stream.embedded.clickhouse.engine import Session
from openride_stream.embedded.clickhouse.errors import ClickHouseError
from openride_stream.embedded.clickhouse.statements import Kind, Statement, parse_statement

# Enough for the head of any INSERT; the rest of the body is streamed.
HEAD_BYTES: Final = 64 * 1024
STATEMENT_LIMIT_BYTES: Final = 16 * 1024 * 1024
BODY_CHUNK_BYTES: Final = 256 * 1024
DEFAULT_FORMAT: Final = "TabSeparated"

_NOT_SETTINGS: Final = frozenset(
    "query database default_format query_id session_id session_timeout session_check close_session wait_end_of_query "
    "buffer_size user password quota_key stacktrace role client_protocol_version readonly".split()
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ENCODINGS: Final = {"": "none", "identity": "none", "gzip": "gzip", "deflate": "deflate", "br": "br"} | {
    name: name for name in ("zstd", "lz4", "xz", "bz2")
}


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """One statement as it came: what to run, with which session, and how to answer.

    `rows` yields the rows of an INSERT (compressed by `row_compression`); `compression` is that of the answer.
    """

    statement: Statement
    session: Session
    default_format: str
    compression: str
    wait_end_of_query: bool
    row_compression: str
    rows: AsyncIterator[bytes]


def authenticate(request: web.Request, password: str) -> None:
    """Check the one user `default`.

    Raises:
        ClickHouseError: AUTHENTICATION_FAILED.
    """
    user, key = _credentials(request)
    if user != "default" or not hmac.compare_digest(key.encode(), password.encode()):
        text = f"{user}: Authentication failed: password is incorrect, or there is no user with such name."
        raise ClickHouseError.of("AUTHENTICATION_FAILED", text)


def _credentials(request: web.Request) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, key = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise ClickHouseError.of("AUTHENTICATION_FAILED", "Malformed Authorization header") from None
        return user, key
    user = request.headers.get("X-ClickHouse-User") or request.query.get("user") or "default"
    return user, request.headers.get("X-ClickHouse-Key") or request.query.get("password") or ""


def query_id_of(request: web.Request) -> str:
    """The client's id of the statement, or a new one."""
    return request.query.get("query_id") or request.headers.get("X-ClickHouse-Query-Id") or str(uuid.uuid4())


async def read_query(request: web.Request, query_id: str) -> QueryRequest:
    """Read everything but the rows of an INSERT.

    Raises:
        ClickHouseError: what the request lacks or cannot have.
    """
    _refuse_unsupported(request)
    url_query = request.query.get("query", "")
    row_compression = _row_compression(request)
    if url_query:
        statement = parse_statement(url_query.encode("utf-8", "surrogateescape"))
        rows = _joined(statement.rows, b"\n", request)
    else:
        statement, row_compression, rows = await _read_body_statement(request, row_compression)
    return QueryRequest(
        statement=statement,
        session=_session(request, query_id),
        default_format=_default_format(request),
        compression=_answer_compression(request),
        wait_end_of_query=request.query.get("wait_end_of_query", "0") not in {"0", "false"},
        row_compression=row_compression,
        rows=rows,
    )


def _refuse_unsupported(request: web.Request) -> None:
    if request.content_type.startswith("multipart/"):
        raise ClickHouseError.of("NOT_IMPLEMENTED", "External tables (multipart bodies) are not supported")
    for name in ("compress", "decompress"):
        if request.query.get(name, "0") not in {"0", "false"}:
            text = f"The URL parameter {name} is not supported: use Content-Encoding and Accept-Encoding"
            raise ClickHouseError.of("NOT_IMPLEMENTED", text)


def _row_compression(request: web.Request) -> str:
    encoding = request.headers.get("Content-Encoding", "").lower()
    if encoding not in _ENCODINGS:
        raise ClickHouseError.of("NOT_IMPLEMENTED", f"Unknown Content-Encoding {encoding}")
    return _ENCODINGS[encoding]


async def _read_body_statement(
    request: web.Request, compression: str
) -> tuple[Statement, str, AsyncIterator[bytes]]:
    if compression != "none":
        text = "A compressed body needs its statement in the URL (parameter query)"
        raise ClickHouseError.of("NOT_IMPLEMENTED", text)
    source = await _read_up_to(request, HEAD_BYTES)
    if len(source) >= HEAD_BYTES:
        statement = _insert_of(source)
        if statement is not None:
            return statement, "none", _joined(statement.rows, b"", request)
        source += await _read_up_to(request, STATEMENT_LIMIT_BYTES)
        if len(source) >= STATEMENT_LIMIT_BYTES:
            raise ClickHouseError.of("QUERY_IS_TOO_LARGE", f"Statement exceeds {STATEMENT_LIMIT_BYTES} bytes")
    statement = parse_statement(source)
    return statement, "none", _joined(statement.rows, b"", request)


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
            raise ClickHouseError.of("BAD_ARGUMENTS", f"Malformed URL parameter {name!r}")
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
        raise ClickHouseError.of("BAD_ARGUMENTS", f"readonly must be 0, 1 or 2, not {asked!r}")
    return int(asked) or (2 if request.method in {"GET", "HEAD"} else 0)


def _default_format(request: web.Request) -> str:
    return request.query.get("default_format") or request.headers.get("X-ClickHouse-Format") or DEFAULT_FORMAT


def _answer_compression(request: web.Request) -> str:
    if request.query.get("enable_http_compression", "0") in {"0", "false"}:
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
