"""The codecs that producers may compress records with; Kafka keeps them so, and a reader must know them."""

from typing import Final

from aiokafka import codec

CODECS: Final = {
    "gzip": codec.has_gzip,
    "snappy": codec.has_snappy,
    "lz4": codec.has_lz4,
    "zstd": codec.has_zstd,
}


def missing_codecs() -> list[str]:
    """Names of the codecs that this installation cannot read; one record in such a codec ends a worker."""
    return [name for name, installed in CODECS.items() if not installed()]
