from pathlib import Path

import pytest
from pydantic import ValidationError

from openride_stream.faulty_settings import refused, unknown_settings
from openride_stream.settings import Settings


def test_a_misspelt_name_is_told_with_the_nearest_setting() -> None:
    names = ["OPENRIDE_KAFKA_BOOTSTRAP_SERVER", "openride_web_port", "HOME", "OPENRIDE_TEST_KAFKA"]
    assert unknown_settings(names) == [
        "OPENRIDE_KAFKA_BOOTSTRAP_SERVER is no setting: did you mean OPENRIDE_KAFKA_BOOTSTRAP_SERVERS?"
    ]


def test_names_that_resemble_nothing_are_told_as_well() -> None:
    assert unknown_settings(["OPENRIDE_QQQQQQQQQQQQ"]) == ["OPENRIDE_QQQQQQQQQQQQ is no setting"]


def test_the_env_file_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("OPENRIDE_LOG_LEVLE=DEBUG\nOPENRIDE_LOG_LEVEL=INFO\n")
    assert [sentence for sentence in unknown_settings() if "LEVLE" in sentence]
    assert not [sentence for sentence in unknown_settings() if sentence.startswith("OPENRIDE_LOG_LEVEL ")]


def test_a_refused_value_is_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENRIDE_WEB_PORT", "hush")
    with pytest.raises(ValidationError) as raised:
        Settings()
    (sentence,) = refused(raised.value)
    assert sentence.startswith("OPENRIDE_WEB_PORT: ")
    assert "hush" not in sentence


def test_other_errors_are_none_of_its_business() -> None:
    assert refused(ValueError("else")) == []
