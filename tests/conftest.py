"""Fixtures shared by all tests live in tests/fixtures/, one engine a file."""

pytest_plugins: list[str] = [
    "tests.fixtures.broker",
    "tests.fixtures.cache",
    "tests.fixtures.clickhouse",
    "tests.fixtures.clock",
    "tests.fixtures.metadata",
    "tests.fixtures.store",
    "tests.fixtures.web",
]
