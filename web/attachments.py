"""The header that has a browser save an answer under a name."""

from openride_stream.exports import files


def attachment(filename: str) -> dict[str, str]:
    """`Content-Disposition` for a name in any script (RFC 6266), and what is left of it in ASCII."""
    return {"Content-Disposition": files.attachment(filename)}
