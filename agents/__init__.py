"""The nine agents, one a topic, listed explicitly: autodiscovery logs an import error and goes on."""

from agents.consume import declare
from openride_stream.app import OpenRideApp


def register(app: OpenRideApp) -> None:
    """Declare every agent on `app`."""
    declare(app, "users", "openride.events.user")
    declare(app, "bookings", "openride.events.booking")
    declare(app, "payments", "openride.events.payment")
    declare(app, "trips", "openride.events.trip")
    declare(app, "routes", "openride.events.route")
    declare(app, "locations", "openride.events.location")
    declare(app, "mongo-schedules", "openride.schedules.mongo")
    declare(app, "clickhouse-schedules", "openride.schedules.clickhouse")
    declare(app, "redis-schedules", "openride.schedules.redis")
