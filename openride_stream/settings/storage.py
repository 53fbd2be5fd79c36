"""Settings of the place where files are kept."""

import re

from pydantic import BaseModel, Field, SecretStr, field_validator


class StorageSettings(BaseModel):
    """A bucket for files of exports, reports and the archive, instead of folders."""

    files_url: str = Field(
        "",
        description="Bucket that exports, reports and archived months are kept in: s3://bucket or "
        "s3://bucket/folder. Empty: folders (OPENRIDE_EXPORTS_DIR, OPENRIDE_ARCHIVE_DIR).",
    )
    s3_endpoint: str = Field(
        "",
        description="Address of a server that speaks S3 (https://minio.example.org:9000). Empty: Amazon's.",
    )
    s3_region: str = Field("us-east-1", min_length=1, description="Region of the bucket.")
    s3_access_key_id: str = Field(
        "",
        description="Access key of the bucket. Empty: what AWS_ACCESS_KEY_ID or the machine's role say.",
    )
    s3_secret_access_key: SecretStr = Field(SecretStr(""), description="Secret of that access key.")
    s3_timeout_s: float = Field(
        30.0, gt=0, description="Longest time of one request to the bucket, its repetitions among it."
    )
    s3_link_s: int = Field(
        0,
        ge=0,
        le=604_800,
        description="A download is answered by a redirect to the bucket, by a link that is good for so many "
        "seconds to whoever has it. 0: the file comes through the API.",
    )

    archive: bool = Field(
        False,
        description="Months past their retention wait for `openride archive` instead of expiring; run "
        "`openride migrate` after a change.",
    )
    archive_dir: str = Field(
        "",
        description="Folder of archived months. Empty: `archive` in OPENRIDE_DATA_DIR.",
    )

    @field_validator("files_url")
    @classmethod
    def _is_a_bucket(cls, url: str) -> str:
        if url and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w./=-]*)?", url):
            message = "a bucket is s3://name or s3://name/folder"
            raise ValueError(message)
        return url

    @field_validator("s3_endpoint")
    @classmethod
    def _is_a_server(cls, url: str) -> str:
        if url and not re.fullmatch(r"https?://[^\s/@]+/?", url):
            message = "an address is https://host or http://host:port"
            raise ValueError(message)
        return url
