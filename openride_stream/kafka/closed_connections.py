"""A connection that the event loop has closed is a broken one.

uvloop raises RuntimeError where one writes to it, aiokafka expects OSError: the task of a consumer that
fetches, which meets with it when a broker dies, would end for good, and nothing would ever be read again.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, KafkaError


def _broken_where_closed(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def sent(connection: Any, *given: Any, **more: Any) -> Any:
        try:
            return send(connection, *given, **more)
        except KafkaError:  # each is a RuntimeError
            raise
        except RuntimeError as error:
            writer = connection._writer
            if writer is None or not writer.transport.is_closing():
                raise
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
            message = f"Connection at {connection.host}:{connection.port} broken: {error}"
            raise KafkaConnectionError(message) from error

    return sent


AIOKafkaConnection.send = _broken_where_closed(AIOKafkaConnection.send)
AIOKafkaConnection._send_sasl_token = _broken_where_closed(AIOKafkaConnection._send_sasl_token)
