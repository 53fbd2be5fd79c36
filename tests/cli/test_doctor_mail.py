"""What the doctor says of the SMTP server that takes reports."""

from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from openride_stream.cli.checks.findings import Patient
from openride_stream.cli.checks.mail import check_mail
from openride_stream.embedded.ports import free_port
from openride_stream.settings import Settings


@pytest.fixture
def port() -> Iterator[int]:
    server = Controller(object(), hostname="127.0.0.1", port=free_port())
    server.start()
    yield server.port
    server.stop()


async def found(**given: Any) -> list[tuple[str, str]]:
    settings = Settings(_env_file=None, pii_key="k", smtp_tls="none", **given)
    return [(one.state, f"{one.message} {one.advice}") for one in await check_mail(Patient(settings, None))]


async def test_a_server_that_takes_mail_is_well_and_links_want_an_address(port: int) -> None:
    ((state, said), (warned, why)) = await found(smtp_host="127.0.0.1", smtp_port=port)
    assert (state, warned) == ("ok", "warn")
    assert f"127.0.0.1:{port} takes mail" in said
    assert "OPENRIDE_REPORTS_URL" in why
    told = await found(smtp_host="127.0.0.1", smtp_port=port, reports_url="https://rides.example.org")
    assert [state for state, _ in told] == ["ok"]


@pytest.mark.parametrize("given", [{"smtp_port": 1}, {"smtp_user": "ada", "smtp_password": "wrong"}])
async def test_one_that_does_not_is_named_with_what_to_correct(port: int, given: dict[str, Any]) -> None:
    told = await found(**{"smtp_host": "127.0.0.1", "smtp_port": port, "reports_url": "https://x.y"} | given)
    ((state, said),) = told
    assert state == "fail"
    assert "127.0.0.1" in said
    assert "OPENRIDE_SMTP_HOST" in said


async def test_without_a_server_mail_is_a_file() -> None:
    ((state, said),) = await found()
    assert state == "ok"
    assert "mail is written to" in said
