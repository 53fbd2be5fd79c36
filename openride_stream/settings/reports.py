"""Settings of reports and of the mail that carries them."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator


class ReportSettings(BaseModel):
    """How reports are mailed, and how long their files are kept."""

    smtp_host: str = Field(
        "",
        description="SMTP server that takes reports. Empty: mail is written to `mail` in OPENRIDE_DATA_DIR.",
    )
    smtp_port: int = Field(587, ge=1, le=65_535, description="Port of the SMTP server.")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        description="How the connection is encrypted: upgraded, from its beginning, or not at all.",
    )
    smtp_user: str = Field("", description="User at the SMTP server; empty: none is given.")
    smtp_password: SecretStr = Field(SecretStr(""), description="Password at the SMTP server.")
    smtp_from: str = Field("openride@localhost", description="Sender of reports.")
    smtp_timeout_s: float = Field(30.0, gt=0, description="Longest time of one step with the SMTP server.")
    reports_attachment_bytes: int = Field(
        10 * 1024**2, ge=0, description="A larger file is not attached to its mail, which has a link instead."
    )
    reports_url: str = Field(
        "",
        description="Address of this API in links of mails (https://api.example.org). Empty: "
        "OPENRIDE_WEB_HOST and OPENRIDE_WEB_PORT.",
    )
    reports_webhook_key: SecretStr = Field(
        SecretStr(""),
        description="Key of the HMAC that signs webhooks of reports. Empty: reports have none.",
    )
    reports_webhook_hosts: str = Field(
        "",
        description="Hosts, comma-separated, that webhooks may be posted to although their addresses are "
        "private; of those on this machine by http as well. Others: by https, at public addresses.",
    )
    reports_fonts: str = Field(
        "",
        description="TrueType fonts (files, comma-separated) with signs that those of PDF reports lack. "
        "Those have Latin, Greek, Cyrillic, Hebrew, Arabic, Devanagari, Thai, Chinese, Japanese, Korean and "
        "emoji.",
    )
    reports_retention_days: int = Field(
        90, ge=1, description="Days that executions of reports and their files are kept."
    )

    @field_validator("reports_fonts")
    @classmethod
    def _are_files(cls, names: str) -> str:
        for path in _paths(names):
            if not path.is_file():
                message = f"{path} is no file"
                raise ValueError(message)
        return names

    @property
    def reports_font_files(self) -> tuple[Path, ...]:
        """The files of `reports_fonts`."""
        return _paths(self.reports_fonts)


def _paths(names: str) -> tuple[Path, ...]:
    return tuple(Path(name.strip()) for name in names.split(",") if name.strip())
