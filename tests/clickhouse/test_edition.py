"""A worker of other code on the same cache must not be answered by what this one has kept."""

from pathlib import Path

from openride_stream.clickhouse.edition import digest, edition


def test_any_change_of_a_query_makes_another_edition(tmp_path: Path) -> None:
    (tmp_path / "queries").mkdir()
    query = tmp_path / "queries" / "users.py"
    query.write_text("SELECT 1")
    first = digest(tmp_path)
    assert digest(tmp_path) == first
    query.write_text("SELECT 2")
    second = digest(tmp_path)
    query.rename(tmp_path / "queries" / "people.py")
    assert len({first, second, digest(tmp_path)}) == 3
    assert edition() == edition() != first
