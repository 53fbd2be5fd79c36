"""Bodies that cannot be read: a problem document, whoever is to blame is the client, and nothing waits."""

import asyncio
import gzip
import json
import logging
import zlib

import pytest

from tests.fixtures.web import Site, path_of
from web.endpoint import Body
from web.registry import all_endpoints

DEADLINE_S = 20
TAKING = [endpoint for endpoint in all_endpoints() if endpoint.body is not None]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_encoded_as_it_says_is_400(
    bare_site: Site, caplog: pytest.LogCaptureFixture, encoding: str
) -> None:
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    whole = b'{"query": "SELECT 1"}'
    broken = (gzip.compress(whole) if encoding == "gzip" else zlib.compress(whole))[:-6]
    for endpoint in TAKING:
        for body in (b"hello", b"hello" * 100_000, broken + b"\x00" * 6):
            asked = bare_site.client.request(endpoint.method, path_of(endpoint), data=body, headers=headers)
            async with asked as response:
                assert (response.status, endpoint.path) == (400, endpoint.path)
                document = await response.json(content_type="application/problem+json")
            assert "body" in document["detail"]
            assert document["instance"] == path_of(endpoint)
    await bare_site.get("/health/live")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_body_that_is_encoded_as_it_says_is_read(bare_site: Site) -> None:
    (endpoint,) = [each for each in TAKING if each.path == "/v1/exports/request"]
    assert not isinstance(endpoint.body, Body)
    for encoding, encode in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        body = encode(b'{"query": "DROP TABLE trip_events", "format": "csv"}')
        headers = {"Content-Encoding": encoding}
        async with bare_site.client.post(endpoint.path, data=body, headers=headers) as response:
            assert (response.status, encoding) == (422, encoding)


@pytest.mark.parametrize("rest", [b"ZZ\r\nabc\r\n0\r\n\r\n", b"\x00\r\n", b"3\r\nabcdef\r\n"])
async def test_a_chunk_that_cannot_be_read_ends_the_wait_for_the_rest(
    bare_site: Site, caplog: pytest.LogCaptureFixture, rest: bytes
) -> None:
    """Also where it comes when somebody is reading already: nothing else would, ever."""
    server = bare_site.client.server
    head = b"POST /v1/exports/request HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(head + b"3\r\nabc\r\n")
        await bare_site.get("/health/live")
        writer.write(rest)
        answer = await reader.read()
        writer.close()
    told, _, body = answer.partition(b"\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["status"] == 400
    assert b"Connection: close" in told
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
