"""Check of the SMTP server that takes reports."""

from collections.abc import Sequence

from openride_stream.cli.checks.findings import Finding, Patient


async def check_mail(patient: Patient) -> Sequence[Finding]:
    """Whether the SMTP server lets us in, and whether links in mails lead anywhere."""
    settings = patient.settings
    if not settings.smtp_host:
        return [Finding("mail", "ok", f"no SMTP server: mail is written to {settings.data_dir / 'mail'}")]
    # Loaded for those who have one.
    from aiosmtplib import SMTPException

    from openride_stream.reports.smtp import client_of

    server = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        async with client_of(settings):
            found = [Finding("mail", "ok", f"{server} takes mail")]
    except (SMTPException, OSError, TimeoutError) as error:
        advice = "correct OPENRIDE_SMTP_HOST and its neighbours; until then reports are tried again"
        found = [Finding("mail", "fail", f"{server}: {error or type(error).__name__}", advice)]
    if not settings.reports_url:
        own = f"http://{settings.web_host}:{settings.web_port}"
        advice = "set OPENRIDE_REPORTS_URL to the address at which recipients reach the API"
        found.append(Finding("mail", "warn", f"links in mails lead to {own}", advice))
    return found
