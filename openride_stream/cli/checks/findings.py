"""The answer of a check, and what every check is given."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from openride_stream.embedded.folder import StackRecord, pii_key, read_stack
from openride_stream.errors import OpenRideError
from openride_stream.settings import Settings

State = Literal["ok", "warn", "fail"]
_CHECK_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report; `advice` says what to do when `state` is not ok."""

    check: str
    state: State
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined: the settings, and the embedded stack when one runs in the data folder."""

    settings: Settings
    stack: StackRecord | None


Check = Callable[[Patient], Awaitable[Sequence[Finding]]]


def admit(data_dir: Path | None) -> Patient:
    """The settings of the environment, with the addresses of the stack that runs in the data folder.

    Raises:
        pydantic.ValidationError: a setting is not valid.
    """
    settings = Settings() if data_dir is None else Settings(data_dir=data_dir)
    stack = read_stack(settings.data_dir)
    if stack is None:
        return Patient(settings, None)
    folder = settings.data_dir.absolute()
    addresses = {
        "kafka_bootstrap_servers": stack.kafka,
        "clickhouse_url": stack.clickhouse,
        "clickhouse_user": "default",
        "clickhouse_password": "",
        "metadata_url": f"sqlite+aiosqlite:///{folder / 'metadata.db'}",
        "redis_url": "",
        "pii_key": settings.pii_key.get_secret_value() or pii_key(folder),
        "data_dir": folder,
    }
    # Made anew rather than copied, so that every value is validated.
    return Patient(Settings.model_validate(settings.model_dump() | addresses), stack)


async def examine(patient: Patient, checks: Sequence[tuple[str, Check]]) -> list[Finding]:
    """All findings, in the order of `checks`; a check that raises or hangs is a failure of its own."""
    answers = await asyncio.gather(*(_run(name, check, patient) for name, check in checks))
    return [finding for answer in answers for finding in answer]


async def _run(name: str, check: Check, patient: Patient) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            return await check(patient)
    except TimeoutError:
        return [
            Finding(name, "fail", f"no answer within {_CHECK_TIMEOUT_S:g} s", "see whether it is overloaded")
        ]
    except OpenRideError as error:
        return [Finding(name, "fail", str(error), "see the message")]
