from pathlib import Path

import pytest
from dotenv import dotenv_values

from openride_stream.env_example import env_example
from openride_stream.settings import Settings

ROOT = Path(__file__).parent.parent


def test_the_shipped_file_is_current() -> None:
    found = (ROOT / ".env.example").read_text()
    assert found == env_example(), "run: openride doctor --env-example > .env.example"


def test_every_setting_is_described() -> None:
    assert not [name for name, field in Settings.model_fields.items() if not field.description]


def test_the_file_with_everything_uncommented_is_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"OPENRIDE_{name.upper()}", raising=False)
    uncommented = tmp_path / ".env"
    uncommented.write_text(env_example().replace("#OPENRIDE_", "OPENRIDE_"))
    assert len(dotenv_values(uncommented)) == len(Settings.model_fields)
    assert Settings(_env_file=uncommented) == Settings(_env_file=None)
