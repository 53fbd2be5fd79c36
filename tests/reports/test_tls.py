"""Mail over TLS from the first byte, and never in clear where it should not be."""

import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr

from openride_stream.reports.mail import Attached, message
from openride_stream.reports.smtp import MailUndelivered, deliver
from openride_stream.settings import Settings
from openride_stream.sheets.sections import Block, Section
from tests.fixtures.clickhouse import free_port
from tests.reports.certificates import certificate
from tests.reports.conftest import Inbox

# One loop: a connection over TLS is closed a moment after the mail was taken.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    certificate(tmp_path)
    return tmp_path


@pytest.fixture
def encrypted(folder: Path) -> Iterator[tuple[Inbox, int]]:
    """A server that speaks TLS from the beginning, and knows a user."""
    inbox, port = Inbox(), free_port()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = Controller(
        inbox,
        hostname="127.0.0.1",
        port=port,
        ssl_context=context,
        authenticator=inbox.authenticate,
        auth_require_tls=False,  # it is within TLS, which aiosmtpd does not count
    )
    server.start()
    yield inbox, port
    server.stop()


def settings_of(port: int, tls: str) -> Settings:
    given = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_tls": tls}
    return Settings(_env_file=None, smtp_user="me", smtp_password=SecretStr("secret"), **given)


def mail(settings: Settings) -> EmailMessage:
    columns, forms = ("Figure", "Value", "Before", "Change", "Meaning"), ("", "whole", "whole", "average", "")
    block = Block("Figures", columns, [("Trips", 3, 2, "50.00", "Distinct trips.")], forms)
    return message(
        execution_id="e1",
        subject="Trips",
        recipients=["ada@example.org"],
        sections=[Section("Trips", "asked", [block])],
        remarks=[],
        link="https://api.example.org",
        attached=Attached("a.csv", "text/csv", b"a"),
        settings=settings,
    )


async def test_a_mail_goes_over_tls_from_its_beginning(
    encrypted: tuple[Inbox, int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox, port = encrypted
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "cert.pem"))
    settings = settings_of(port, "tls")
    await deliver(mail(settings), "e1", settings)
    assert [sent["Subject"] for sent in inbox.mails] == ["Trips"]


async def test_a_certificate_that_nobody_vouches_for_gets_no_mail(encrypted: tuple[Inbox, int]) -> None:
    inbox, port = encrypted
    settings = settings_of(port, "tls")
    with pytest.raises(MailUndelivered, match="certificate"):
        await deliver(mail(settings), "e1", settings)
    assert inbox.mails == []


async def test_a_server_without_starttls_gets_nothing_in_clear() -> None:
    inbox, port = Inbox(), free_port()
    server = Controller(inbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        settings = settings_of(port, "starttls")
        with pytest.raises(MailUndelivered, match="STARTTLS"):
            await deliver(mail(settings), "e1", settings)
    finally:
        server.stop()
    assert inbox.mails == []
