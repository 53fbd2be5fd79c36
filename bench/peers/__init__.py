"""The peers, by name: each is a command that reads the topics of events until it is stopped."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PYTHON: Final = (sys.executable, "-m")


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that is measured.

    Attributes:
        argv: its command line; its settings are in the environment, as the application's.
        stores: whether it writes rows; one that only reads prints `read <count>` as it goes.
    """

    argv: tuple[str, ...]
    stores: bool = True


PEERS: Final[Mapping[str, Peer]] = {
    "aiokafka-raw": Peer((*_PYTHON, "bench.peers.aiokafka_raw"), stores=False),
    "openride": Peer((*_PYTHON, "openride_stream", "worker")),
    "plain-faust": Peer((*_PYTHON, "bench.peers.plain_faust", "worker", "--without-web")),
    "quixstreams": Peer((*_PYTHON, "bench.peers.quix")),
    "confluent-kafka": Peer((*_PYTHON, "bench.peers.confluent")),
}
