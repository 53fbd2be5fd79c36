"""The registry on Faust's own web server."""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from itertools import groupby

from aiohttp import web
from faust.web.base import BlueprintManager
from faust.web.drivers.aiohttp import Web as FaustWeb
from faust.web.views import View

from web.asked import audit, note_beginning
from web.auth import Gate, check_binding, warn_open
from web.caching import closed_ttl_s
from web.context import Context
from web.cors import Origins
from web.endpoint import Endpoint
from web.push import STOPPING, stop_pushing
from web.runner import Runner
from web.serving import add_headers, measured, problems, serve


class EndpointView(View):
    """A Faust view whose methods are endpoints of one path."""

    def get_methods(self) -> set[str]:
        """What is declared: by itself Faust offers HEAD also where there is no GET to answer it."""
        methods: set[str] = super().get_methods()
        return methods if "GET" in methods else methods - {"HEAD"}


def mount(faust_web: FaustWeb, endpoints: Iterable[Endpoint], context: Context) -> None:
    """Serve `endpoints` on `faust_web`, and nothing else; before the server starts."""
    # Faust mounts /router, /table, an index at / (and /graph, statistics in debug mode): they show what
    # the worker holds and take paths that are ours.
    faust_web.blueprints = BlueprintManager()
    server = faust_web.web_app
    faust_web._runner = Runner(server)
    server.middlewares.append(measured(context.metrics))
    gate, origins = Gate(context.settings, context.clock), Origins(context.settings)
    if context.settings.api_audit_log and not gate.open:
        server.middlewares.append(audit)
        server.on_response_prepare.append(note_beginning)
    server.middlewares.append(problems)
    server.middlewares.append(origins.preflight)
    server.on_response_prepare.append(add_headers)
    server.on_response_prepare.append(origins.add_headers)
    server[STOPPING] = []
    server.on_shutdown.append(stop_pushing)
    server.on_startup.append(_binding_guard(faust_web, context))
    server.on_cleanup.append(_closing(gate))
    if gate.open:
        server.on_startup.append(warn_open)
    by_path = sorted(endpoints, key=lambda endpoint: endpoint.path)
    for path, declared in groupby(by_path, key=lambda endpoint: endpoint.path):
        faust_web.add_view(_view(path, tuple(declared), context, gate))


def _binding_guard(faust_web: FaustWeb, context: Context) -> Callable[[web.Application], Awaitable[None]]:
    async def guard(app: web.Application) -> None:
        del app
        # `faust worker --web-bind` overrules the setting, after the application was composed.
        check_binding(context.settings, faust_web.app.conf.web_bind)

    return guard


def _closing(gate: Gate) -> Callable[[web.Application], Awaitable[None]]:
    async def close(app: web.Application) -> None:
        del app
        await gate.close()

    return close


def _view(path: str, endpoints: tuple[Endpoint, ...], context: Context, gate: Gate) -> type[EndpointView]:
    methods = {endpoint.method.lower(): _method(endpoint, context, gate) for endpoint in endpoints}
    # By itself aiohttp takes no brace in a parameter; a slash is one where it is percent-encoded.
    matched = re.sub(r"\{(\w+)\}", r"{\1:[^/]+}", path)
    return type("EndpointView", (EndpointView,), {"view_path": matched, "view_name": path, **methods})


def _method(endpoint: Endpoint, context: Context, gate: Gate) -> Callable[..., Awaitable[web.StreamResponse]]:
    own = replace(context, closed_ttl_s=closed_ttl_s(endpoint, context.settings))

    async def respond(view: EndpointView, request: web.Request, **match: str) -> web.StreamResponse:
        del view, match
        return await serve(endpoint, own, gate, request)

    return respond
