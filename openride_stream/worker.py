"""The worker's app, composed: `faust -A openride_stream.worker worker` or `openride worker`."""

import agents
import tables
import web
from openride_stream.app import OpenRideApp, create_app
from openride_stream.settings import Settings


def compose(settings: Settings) -> OpenRideApp:
    """The whole application: agents, live tables, views."""
    app = create_app(settings)
    live = tables.register(app)
    agents.register(app)
    web.register(app, live)
    return app


app = compose(Settings())
