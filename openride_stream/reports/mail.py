"""The mail that carries a report: to an SMTP server, or into a folder where there is none."""

import asyncio
import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Final

from aiosmtplib import SMTPException, SMTPResponseException, send

from openride_stream.errors import Rejected, Transient
from openride_stream.settings import Settings
from openride_stream.sheets.sections import Section, shown

_REFUSED: Final = 500


class MailUndelivered(Transient):
    """The SMTP server is away, or put the mail off."""


class MailRefused(Rejected):
    """The SMTP server refused the mail for good."""


class MailPartlyRefused(MailRefused):
    """The mail was taken, but not for all of its recipients."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A file: `content` is None where it is too large for a mail."""

    filename: str
    content_type: str
    content: bytes | None


def message(
    *,
    execution_id: str,
    subject: str,
    recipients: Sequence[str],
    sections: Sequence[Section],
    remarks: Sequence[str],
    link: str,
    attached: Attached,
    settings: Settings,
) -> EmailMessage:
    """A mail with the figures as text and as HTML, and the file or a link to it.

    Its Message-ID is that of the execution: who gets it twice after all can tell.
    """
    mail = EmailMessage(policy=SMTP)
    # Taken for an encoded word (RFC 2047) it would be decoded, line ends and further headers with it.
    mail["Subject"] = subject.replace("=?", "= ?")
    mail["From"] = settings.smtp_from
    mail["To"] = ", ".join(recipients)
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{execution_id}@{settings.smtp_from.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    where = (
        f"{attached.filename} is attached." if attached.content is not None else "The file is at the link."
    )
    mail.set_content("\n".join([*remarks, *_plain(sections), where, link, ""]))
    mail.add_alternative(_page(subject, sections, remarks, where, link), subtype="html")
    if attached.content is not None:
        kind, _, subtype = attached.content_type.partition(";")[0].partition("/")
        mail.add_attachment(attached.content, maintype=kind, subtype=subtype, filename=attached.filename)
    return mail


async def deliver(mail: EmailMessage, execution_id: str, settings: Settings) -> None:
    """Return when the mail was taken.

    Raises:
        MailUndelivered: not now.
        MailRefused: never.
    """
    if not settings.smtp_host:
        folder = settings.data_dir / "mail"
        await asyncio.to_thread(_write, folder, f"{execution_id}.eml", mail.as_bytes())
        return
    try:
        refused, _ = await send(
            mail,
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_user or None,
            password=settings.smtp_password.get_secret_value() or None,
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            timeout=settings.smtp_timeout_s,
        )
    except SMTPResponseException as error:
        kind = MailRefused if error.code >= _REFUSED else MailUndelivered
        text = f"the SMTP server says {error.code} {error.message}"
        raise kind(text) from error
    except (SMTPException, OSError, TimeoutError) as error:
        text = f"the SMTP server {settings.smtp_host}:{settings.smtp_port}: {error or type(error).__name__}"
        raise MailUndelivered(text) from error
    if refused:
        # Taken for the others: to send it again would give them a second one.
        text = f"{len(refused)} of the recipients were refused"
        raise MailPartlyRefused(text)


def _write(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = folder / f"{name}.part"
    part.write_bytes(content)
    part.replace(folder / name)


def _plain(sections: Sequence[Section]) -> list[str]:
    # Of a report all sections are about the same.
    lines = ["", sections[0].asked]
    for section in sections:
        block = section.blocks[0]
        lines += ["", section.title]
        for number, (name, value, before, *_) in enumerate(block.rows):
            told = shown(value, block.form(number, 1))
            lines.append(f"  {name}: {told} (before: {shown(before, block.form(number, 2))})")
    return [*lines, ""]


def _page(subject: str, sections: Sequence[Section], remarks: Sequence[str], where: str, link: str) -> str:
    cell = 'style="padding:4px 10px;border-bottom:1px solid #e3e8ea"'
    right = cell.replace('style="', 'style="text-align:right;')
    parts = [f'<h2 style="color:#1F4E5F">{html.escape(subject)}</h2>']
    parts += [f"<p>{html.escape(remark)}</p>" for remark in (*remarks, sections[0].asked)]
    for section in sections:
        block = section.blocks[0]
        parts.append(f"<h3>{html.escape(section.title)}</h3>")
        parts.append('<table style="border-collapse:collapse;font-size:14px">')
        first, *others = block.columns[:4]
        heads = "".join(f"<th {right} align=right>{html.escape(title)}</th>" for title in others)
        parts.append(f"<tr><th {cell} align=left>{html.escape(first)}</th>{heads}</tr>")
        for number, row in enumerate(block.rows):
            values = [shown(value, block.form(number, column)) for column, value in enumerate(row[:4])]
            tail = "".join(f"<td {right}>{html.escape(value)}</td>" for value in values[1:])
            meaning = f'<div style="font-size:11px;color:#6B7780">{html.escape(row[4])}</div>'
            parts.append(f"<tr><td {cell}>{html.escape(values[0])}{meaning}</td>{tail}</tr>")
        parts.append("</table>")
    parts.append(f'<p>{html.escape(where)} <a href="{html.escape(link)}">{html.escape(link)}</a></p>')
    return f'<html><body style="font-family:sans-serif">{"".join(parts)}</body></html>'
