"""How a mail leaves: by an SMTP server, or into a folder where there is none."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.utils import getaddresses
from pathlib import Path
from typing import Final

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from openride_stream.errors import Rejected, Transient
from openride_stream.exports.writing.room import may_pass
from openride_stream.settings import Settings

_FOR_GOOD: Final = 500
_ANSWER: Final = 200

Refusals = Mapping[str, tuple[int, str]]
"""By recipient the code of the server's answer, and its text."""


class MailUndelivered(Transient):
    """The SMTP server is away, or put the mail off."""


class MailRefused(Rejected):
    """The SMTP server refused the mail for good."""


class MailPartlyRefused(MailRefused):
    """The mail was taken, but not for all of its recipients."""


def client_of(settings: Settings) -> SMTP:
    """A client of the SMTP server; entered as a context it is connected, encrypted and logged in."""
    return SMTP(
        hostname=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_user or None,
        password=settings.smtp_password.get_secret_value() or None,
        use_tls=settings.smtp_tls == "tls",
        start_tls=settings.smtp_tls == "starttls",
        timeout=settings.smtp_timeout_s,
    )


async def deliver(
    mail: EmailMessage, execution_id: str, settings: Settings, *, patient: bool = False
) -> None:
    """Return when the mail was taken. Who is `patient` has no part of the recipients go without for now.

    Raises:
        MailUndelivered: not now, or, of a patient one, not for some.
        MailPartlyRefused: it was, for some of the recipients.
        MailRefused: never.
    """
    if not settings.smtp_host:
        folder = settings.data_dir / "mail"
        await asyncio.to_thread(_write, folder / f"{execution_id}.eml", mail.as_bytes())
        return
    try:
        refused = await _send(mail, settings, patient=patient)
    except SMTPRecipientsRefused as error:
        answers = {one.recipient: (one.code, one.message) for one in error.recipients}
        for_good = all(code >= _FOR_GOOD for code, _ in answers.values())
        raise (MailRefused if for_good else MailUndelivered)(_told(answers)) from error
    except SMTPResponseException as error:
        kind = MailRefused if error.code >= _FOR_GOOD else MailUndelivered
        text = f"the SMTP server says {error.code} {error.message}"
        raise kind(text) from error
    except (SMTPException, OSError, TimeoutError) as error:
        text = f"the SMTP server {settings.smtp_host}:{settings.smtp_port}: {error or type(error).__name__}"
        raise MailUndelivered(text) from error
    if refused:
        # Taken for the others: to send it again would give them a second one.
        raise MailPartlyRefused(_told(refused))


async def _send(mail: EmailMessage, settings: Settings, *, patient: bool) -> Refusals:
    recipients = [address for _, address in getaddresses([str(mail["To"])])]
    async with client_of(settings) as client:
        if patient and (later := await _put_off(client, settings.smtp_from, recipients)):
            raise MailUndelivered(_told(later))
        refused, _ = await client.send_message(mail)
    return {name: (answer.code, answer.message) for name, answer in refused.items()}


async def _put_off(client: SMTP, sender: str, recipients: Sequence[str]) -> Refusals:
    """Who is refused for now, as greylists do: asked for with an envelope that is thrown away."""
    if len(recipients) == 1 or not "".join(recipients).isascii():
        return {}  # nobody else waits; or the envelope takes more than this to ask
    later: dict[str, tuple[int, str]] = {}
    await client.ehlo()
    await client.mail(sender)
    for recipient in recipients:
        try:
            await client.rcpt(recipient)
        except SMTPRecipientRefused as error:
            if error.code < _FOR_GOOD:
                later[recipient] = error.code, error.message
    await client.rset()
    return later


def _told(refused: Refusals) -> str:
    # Of each server's answer what fits, so that every name does.
    answers = "; ".join(f"{name}: {code} {text[:_ANSWER]}" for name, (code, text) in refused.items())
    return f"the SMTP server refuses {len(refused)} of the recipients: {answers}"


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        text = f"OPENRIDE_DATA_DIR: cannot write in {path.parent}: {error.strerror}"
        raise (MailUndelivered if may_pass(error) else MailRefused)(text) from error
