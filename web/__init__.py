"""The HTTP API and the page, on Faust's own web server."""

from faust.web.drivers.aiohttp import Web

from openride_stream.app import OpenRideApp
from tables.live import LiveTables
from web.auth import check_binding
from web.context import Context
from web.group import FaustGroup
from web.mount import mount
from web.registry import all_endpoints


def register(app: OpenRideApp, live: LiveTables) -> None:
    """Serve every endpoint on `app`; realtime ones answer from `live`.

    Raises:
        ConfigurationError: the web server would be open to a network (see `web.auth`).
    """
    check_binding(app.settings)
    context = Context(app.settings, app.metrics, FaustGroup(app, live), live, current=lambda: app.runtime)
    faust_web = app.web
    assert isinstance(faust_web, Web), "faust serves with its aiohttp driver"
    mount(faust_web, all_endpoints(), context)
