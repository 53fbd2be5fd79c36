"""The same on Apache Kafka with three brokers, of which one is killed and comes back.

It starts its own (`.ci/kafka.sh`: Java and, the first time, Maven), because a broker that is given cannot be
killed.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.play import Play
from tests.faults.schedule import Schedule, Step
from tests.faults.stage import WORKERS, Stage

pytestmark = [
    pytest.mark.faults,
    pytest.mark.kafka,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("java") is None, reason="Apache Kafka needs Java"),
]

BROKERS = 3
SCRIPT = Path(__file__).parents[2] / ".ci" / "kafka.sh"


class Brokers:
    """Three brokers, replication 3: any two of them are enough."""

    def __init__(self, folder: Path) -> None:
        self._env = os.environ | {"OPENRIDE_SERVICES": str(folder)}
        # Its first line is of the listener that asks nobody who they are.
        self.bootstrap = self._kafka("start", str(BROKERS)).splitlines()[0].partition("=")[2]

    def stop(self) -> None:
        self._kafka("stop")

    @contextmanager
    def away(self, target: int) -> Iterator[None]:
        node = str(target % BROKERS + 1)
        self._kafka("kill", node)
        try:
            yield
        finally:
            self._kafka("resume", node)

    def _kafka(self, *arguments: str) -> str:
        done = subprocess.run(
            [SCRIPT, *arguments], env=self._env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    made = Brokers(tmp_path_factory.mktemp("kafka"))
    yield made
    made.stop()


@pytest.fixture
def play(tmp_path: Path, brokers: Brokers) -> Iterator[Play]:
    stage = Stage(tmp_path, brokers, {"OPENRIDE_TOPIC_REPLICATION": str(BROKERS)})
    yield Play(stage)
    stage.stop()


def test_one_broker_of_three_and_others_die_and_nothing_is_lost_or_doubled(play: Play) -> None:
    play.stage.start(WORKERS)
    steps = (
        Step(2.0, "broker away", 8.0, 0),
        Step(5.0, "worker killed", 1.0, 1),
        Step(12.0, "broker away", 5.0, 1),
        Step(13.0, "store accepts and fails", 2.0, 0),
    )
    assert play.run(Schedule(21, 20.0, steps)) == []
    if os.environ.get("OPENRIDE_FAULTS_LONG"):
        assert play.run(Schedule.of(22)) == []
