"""The stages of one test session."""

from collections.abc import Iterator

import pytest

from tests.faults.stages import Stages


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    made = Stages(lambda: tmp_path_factory.mktemp("stage"))
    yield made
    made.close()
