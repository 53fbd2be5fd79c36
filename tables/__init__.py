"""Live tables: what workers know before ClickHouse does."""

from openride_stream.app import OpenRideApp
from tables.live import LiveTables
from tables.watch import AnomalyWatch


def register(app: OpenRideApp) -> LiveTables:
    """Declare the live tables on `app`."""
    live = LiveTables(app.settings, AnomalyWatch(app.settings, app.metrics, app.running))
    app.live = live
    return live
