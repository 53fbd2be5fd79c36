"""The mail that carries a report."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from openride_stream.settings import Settings
from openride_stream.sheets.sections import Section, shown


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
    mail = _addressed(execution_id, subject, recipients, settings)
    where = (
        f"{attached.filename} is attached." if attached.content is not None else "The file is at the link."
    )
    mail.set_content("\n".join([*remarks, *_plain(sections), where, link, ""]))
    mail.add_alternative(_page(subject, sections, remarks, where, link), subtype="html")
    if attached.content is not None:
        kind, _, subtype = attached.content_type.partition(";")[0].partition("/")
        mail.add_attachment(attached.content, maintype=kind, subtype=subtype, filename=attached.filename)
    return mail


def notice(*, execution_id: str, subject: str, recipients: Sequence[str], settings: Settings) -> EmailMessage:
    """A mail to those who wait for a report that does not come; why is for those who may see executions."""
    mail = _addressed(f"{execution_id}-failed", subject, recipients, settings)
    mail.set_content(
        "This report could not be made, and is not tried again by itself.\n"
        f"Why stands with its execution {execution_id}: whoever looks after the reports can read it there.\n"
    )
    return mail


def _addressed(name: str, subject: str, recipients: Sequence[str], settings: Settings) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    # Taken for an encoded word (RFC 2047) it would be decoded, line ends and further headers with it.
    mail["Subject"] = subject.replace("=?", "= ?")
    mail["From"] = settings.smtp_from
    mail["To"] = ", ".join(recipients)
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{name}@{settings.smtp_from.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    return mail


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
