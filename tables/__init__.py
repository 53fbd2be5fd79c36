"""Live tables: what workers know before ClickHouse does."""

from openride_stream.app import OpenRideApp


def register(app: OpenRideApp) -> None:
    """Declare every live table on `app`."""
