"""The store's answer, read by a process that does nothing else."""

import http.client
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode, urlsplit

from openride_stream.clickhouse.failures import query_failure, unanswered
from openride_stream.clickhouse.raw import CHUNK_BYTES, ERROR_BYTES, OK, RawQuery
from openride_stream.errors import ConfigurationError

_GRACE_S: Final = 30.0


def read(query: RawQuery) -> Iterator[bytes]:
    """The bytes of the rows, as `raw.chunks_of` gives them, and with its errors."""
    url = urlsplit(query.url)
    if url.hostname is None or url.scheme not in ("http", "https"):
        message = "OPENRIDE_CLICKHOUSE_URL is no http URL"
        raise ConfigurationError(message)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname, url.port, timeout=query.timeout_s + _GRACE_S)
    try:
        path = f"{url.path or '/'}?{urlencode(query.parameters)}"
        connection.request("POST", path, query.statement.encode(), query.headers)
        answer = connection.getresponse()
        if answer.status != OK:
            raise query_failure(answer.read(ERROR_BYTES).decode(errors="replace"))
        while chunk := answer.read(CHUNK_BYTES):
            yield chunk
    except (http.client.HTTPException, OSError) as error:
        raise unanswered(error) from error
    finally:
        connection.close()
