"""A broker that dies while a request is written: to aiokafka a broken connection, whatever the loop says."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError

from openride_stream.kafka.connection import connection
from openride_stream.settings import Settings


class Request:
    """Anything that is sent."""

    def prepare(self, versions: Any) -> "Request":
        del versions
        return self

    def build_request_header(self, correlation_id: int, client_id: str) -> "Request":
        del correlation_id, client_id
        return self

    def encode(self) -> bytes:
        return b"request"


@pytest.mark.parametrize("method", ["send", "_send_sasl_token"])
def test_a_connection_that_the_loop_has_closed_is_broken(method: str) -> None:
    assert connection(Settings(_env_file=None, pii_key="k"))  # whoever connects has been here

    async def lost() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        made = AIOKafkaConnection(host=host, port=port)
        made._reader, made._writer = reader, writer
        made._read_task = asyncio.create_task(asyncio.sleep(0))
        writer.transport.abort()
        await asyncio.sleep(0.05)  # the loop closes what was aborted in turns to come
        given = Request() if method == "send" else b"token"
        with pytest.raises(KafkaConnectionError, match="broken"):
            getattr(made, method)(given)
        assert not made.connected()
        server.close()

    uvloop.run(lost())


async def test_what_is_wrong_with_an_open_connection_is_raised_as_it_is() -> None:
    made = AIOKafkaConnection(host="127.0.0.1", port=1)

    def write(body: bytes) -> None:
        del body
        message = "another mistake"
        raise RuntimeError(message)

    transport = SimpleNamespace(is_closing=lambda: False)
    made._writer = SimpleNamespace(write=write, transport=transport, close=lambda: None)
    with pytest.raises(RuntimeError, match="another mistake"):
        made.send(Request())
