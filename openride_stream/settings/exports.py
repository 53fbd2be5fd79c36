"""Settings of exports."""

from pydantic import BaseModel, Field


class ExportSettings(BaseModel):
    """Where files go, for how long, and what one user may take."""

    exports_dir: str = Field(
        "",
        description="Folder of the files of exports and reports, one for all workers. Empty: `exports` in "
        "OPENRIDE_DATA_DIR.",
    )
    exports_retention_h: float = Field(
        72.0, gt=0, description="Hours that an export is kept after it has ended."
    )
    exports_at_once: int = Field(
        1,
        ge=0,
        le=16,
        description="Exports that one worker writes at the same time; 0 leaves them to others.",
    )
    exports_active_per_user: int = Field(
        3, ge=1, description="Exports of one user that may wait or be written at the same time."
    )
    exports_bytes_per_user: int = Field(
        5 * 1024**3, ge=1, description="Bytes of kept files with which a user gets no further export."
    )
    exports_file_bytes: int = Field(
        2 * 1024**3, ge=1024, description="An export fails when its file would be larger."
    )
    exports_query_timeout_s: float = Field(
        600.0, gt=0, description="Longest time of the query of an export in ClickHouse."
    )
    exports_query_memory_bytes: int = Field(
        2 * 1024**3, ge=1024**2, description="Most memory of the query of an export in ClickHouse."
    )
