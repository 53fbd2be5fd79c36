"""One embedded ClickHouse for all tests of this folder, whatever server the others are given."""

import aiohttp
import pytest

from tests.fixtures.clickhouse import EmbeddedClickHouse


@pytest.fixture(scope="session")
def embedded(tmp_path_factory):
    server = EmbeddedClickHouse(
        tmp_path_factory.mktemp("embedded") / "data", None, "--concurrency", "8"
    ).start()
    yield server
    server.stop()


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
def table(embedded, request):
    """A table (a UInt32, s String) of the test's own."""
    name = f"default.{request.node.originalname}"
    embedded.query(f"DROP TABLE IF EXISTS {name} SYNC")
    embedded.query(f"CREATE TABLE {name} (a UInt32, s String) ENGINE = MergeTree ORDER BY a")
    return name
