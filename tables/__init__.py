"""Live tables: what workers know before ClickHouse does."""

from openride_stream.app import OpenRideApp
from tables.live import LiveTables


def register(app: OpenRideApp) -> LiveTables:
    """Declare the live tables on `app`."""
    live = LiveTables(app.settings)
    app.live = live
    return live
