"""The answer of a check, and what every check is given."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from openride_stream.embedded.folder import STACK_FILE, StackRecord, has_pii_key
from openride_stream.embedded.here import names_services, settings_here
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
    """What is examined: the settings, and the embedded stack when one runs in the data folder.

    `dormant` when there are no services to look at: no address is set, and no stack runs.
    """

    settings: Settings
    stack: StackRecord | None
    dormant: bool = False


Check = Callable[[Patient], Awaitable[Sequence[Finding]]]


def admit(data_dir: Path | None) -> Patient:
    """The settings of the environment, and the stack whose addresses they are (see `settings_here`).

    Raises:
        pydantic.ValidationError: a setting is not valid.
    """
    settings, stack = settings_here(data_dir)
    folder = settings.data_dir
    left_behind = (folder / STACK_FILE).exists() or has_pii_key(folder)
    unset = not names_services(settings) and (left_behind or not settings.pii_key.get_secret_value())
    return Patient(settings, stack, dormant=stack is None and (unset or data_dir is not None))


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
