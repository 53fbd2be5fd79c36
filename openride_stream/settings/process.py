"""Settings of the process itself."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, field_validator


class ProcessSettings(BaseModel):
    """Its folder and its log."""

    data_dir: Path = Field(
        Path(".openride"), description="Folder for local files (embedded data, Faust state)."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest level that is logged."
    )
    log_format: Literal["json", "text"] = Field(
        "json", description="One JSON object a line, or text for people."
    )

    @field_validator("data_dir", mode="before")
    @classmethod
    def _named(cls, folder: object) -> object:
        # As a path it would be the present folder.
        if folder == "":
            message = "a folder is needed"
            raise ValueError(message)
        return folder
