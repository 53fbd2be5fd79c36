"""The header that has a browser save an answer under a name."""

from urllib.parse import quote


def attachment(filename: str) -> dict[str, str]:
    """`Content-Disposition` for a name in any script (RFC 6266), and what is left of it in ASCII."""
    plain = filename.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    told = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
    return {"Content-Disposition": told}
