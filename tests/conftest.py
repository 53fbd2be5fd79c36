"""Fixtures shared by all tests live in tests/fixtures/, one engine a file."""

import pytest

pytest_plugins: list[str] = [
    "tests.fixtures.broker",
    "tests.fixtures.browser",
    "tests.fixtures.cache",
    "tests.fixtures.clickhouse",
    "tests.fixtures.clock",
    "tests.fixtures.databases",
    "tests.fixtures.disk",
    "tests.fixtures.metadata",
    "tests.fixtures.s3",
    "tests.fixtures.store",
    "tests.fixtures.web",
    "tests.fixtures.served",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for processes begins first, so that what is short fills the gaps at the end."""
    items.sort(key=lambda item: not (item.get_closest_marker("e2e") or "start_broker" in fixtures_of(item)))


def fixtures_of(item: pytest.Item) -> list[str]:
    return list(getattr(item, "fixturenames", ()))
