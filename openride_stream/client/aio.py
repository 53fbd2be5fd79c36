"""The same client for asyncio."""

from asyncio import sleep
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx
from pydantic import BaseModel

from openride_stream.client.call import Call, Nothing, as_method
from openride_stream.client.calls import (
    analytics,
    exports,
    live,
    metrics,
    operations,
    reports,
    schedules,
    sending,
)
from openride_stream.client.errors import ApiError
from openride_stream.client.events import EventReader
from openride_stream.client.exchange import Retry, headers_of, outcome, parsed, reaching, refusal, saving

A = TypeVar("A", bound=BaseModel)
P = ParamSpec("P")


def _asked(
    declared: Callable[P, Call[A]],
) -> "Callable[Concatenate[AsyncOpenRide, P], Coroutine[Any, Any, A]]":
    async def method(self: "AsyncOpenRide", /, *args: P.args, **kwargs: P.kwargs) -> A:
        return await self._ask(declared(*args, **kwargs))

    as_method(method, declared)
    return method


def _streamed(
    declared: Callable[P, Call[A]],
) -> "Callable[Concatenate[AsyncOpenRide, P], AbstractAsyncContextManager[AsyncIterator[A]]]":
    def method(
        self: "AsyncOpenRide", /, *args: P.args, **kwargs: P.kwargs
    ) -> AbstractAsyncContextManager[AsyncIterator[A]]:
        return self._listen(declared(*args, **kwargs))

    as_method(method, declared)
    return method


def _saved(
    declared: Callable[P, Call[Nothing]],
) -> "Callable[Concatenate[AsyncOpenRide, str | Path, P], Coroutine[Any, Any, Path]]":
    async def method(self: "AsyncOpenRide", to: str | Path, /, *args: P.args, **kwargs: P.kwargs) -> Path:
        return await self._save(declared(*args, **kwargs), Path(to))

    as_method(method, declared, "to")
    return method


class AsyncOpenRide:
    """`openride_stream.client.OpenRide` with methods to await; an asynchronous context manager.

    Arguments, methods and errors are the same.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8097",
        token: str | None = None,
        *,
        timeout_s: float = 30.0,
        retries: int = 0,
        max_wait_s: float = 60.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retry = Retry(retries, max_wait_s)
        self._http = httpx.AsyncClient(
            base_url=base_url, headers=headers_of(token), timeout=timeout_s, transport=transport
        )

    users = _asked(metrics.users)
    bookings = _asked(metrics.bookings)
    payments = _asked(metrics.payments)
    trips = _asked(metrics.trips)
    drivers = _asked(metrics.drivers)
    routes = _asked(metrics.routes)
    realtime = _asked(metrics.realtime)
    stream_realtime = _streamed(metrics.stream_realtime)
    realtime_drivers = _asked(live.realtime_drivers)
    realtime_cities = _asked(live.realtime_cities)
    realtime_zones = _asked(live.realtime_zones)
    realtime_minutes = _asked(live.realtime_minutes)
    realtime_active = _asked(live.realtime_active)
    realtime_ingest = _asked(live.realtime_ingest)
    realtime_queue_times = _asked(live.realtime_queue_times)
    realtime_anomalies = _asked(live.realtime_anomalies)
    funnel = _asked(analytics.funnel)
    cohort = _asked(analytics.cohort)
    retention = _asked(analytics.retention)
    geographic = _asked(analytics.geographic)
    trends = _asked(analytics.trends)
    schedules_schedule = _asked(schedules.schedules_schedule)
    schedules_time_range = _asked(schedules.schedules_time_range)
    schedules_level = _asked(schedules.schedules_level)
    schedules_event_type = _asked(schedules.schedules_event_type)
    schedules_queue_times = _asked(schedules.schedules_queue_times)
    schedules_stats = _asked(schedules.schedules_stats)
    schedules_errors_patterns = _asked(schedules.schedules_errors_patterns)
    schedules_performance_schedule = _asked(schedules.schedules_performance_schedule)
    schedules_health_system = _asked(schedules.schedules_health_system)
    schedules_send = _asked(sending.schedules_send)
    schedules_warning = _asked(sending.schedules_warning)
    schedules_error = _asked(sending.schedules_error)
    schedules_mongo_execution = _asked(sending.schedules_mongo_execution)
    schedules_clickhouse_transfer = _asked(sending.schedules_clickhouse_transfer)
    schedules_redis_processing = _asked(sending.schedules_redis_processing)
    schedules_update = _asked(sending.schedules_update)
    schedules_cleanup = _asked(sending.schedules_cleanup)
    dead_letters = _asked(operations.dead_letters)
    workers = _asked(operations.workers)
    health = _asked(operations.health)
    health_live = _asked(operations.health_live)
    health_ready = _asked(operations.health_ready)
    request_export = _asked(exports.request_export)
    export_status = _asked(exports.export_status)
    delete_export = _asked(exports.delete_export)
    save_export = _saved(exports.save_export)
    save_quick_csv = _saved(exports.save_quick_csv)
    save_metrics_excel = _saved(exports.save_metrics_excel)
    schedule_report = _asked(reports.schedule_report)
    report_schedules = _asked(reports.report_schedules)
    report_schedule = _asked(reports.report_schedule)
    change_report = _asked(reports.change_report)
    delete_report = _asked(reports.delete_report)
    execute_report = _asked(reports.execute_report)
    report_executions = _asked(reports.report_executions)
    report_execution = _asked(reports.report_execution)
    save_report = _saved(reports.save_report)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; may be called again."""
        await self._http.aclose()

    async def _ask(self, call: Call[A]) -> A:
        retried = 0
        while True:
            with reaching(self._http.base_url):
                response = await self._http.request(
                    call.method, call.url, params=call.parameters, json=call.body
                )
            answer = outcome(call, response)
            if not isinstance(answer, ApiError):
                return answer
            wait_s = self._retry.wait_s(answer, retried)
            if wait_s is None:
                raise answer
            retried += 1
            await sleep(wait_s)

    async def _save(self, call: Call[Nothing], to: Path) -> Path:
        request = self._http.build_request("GET", call.url, params=call.parameters)
        with reaching(self._http.base_url):
            # A file in a bucket may be there; httpx gives our token to no other host.
            response = await self._http.send(request, stream=True, follow_redirects=True)
            try:
                if not response.is_success:
                    await response.aread()
                    raise refusal(response)
                with saving(to) as file:
                    async for chunk in response.aiter_bytes():
                        file.write(chunk)
            finally:
                await response.aclose()
        return to

    @asynccontextmanager
    async def _listen(self, call: Call[A]) -> AsyncIterator[AsyncIterator[A]]:
        request = self._http.build_request("GET", call.url, params=call.parameters)
        with reaching(self._http.base_url):
            response = await self._http.send(request, stream=True)
        try:
            if not response.is_success:
                with reaching(self._http.base_url):
                    await response.aread()
                raise refusal(response)
            yield self._events(call, response)
        finally:
            await response.aclose()

    async def _events(self, call: Call[A], response: httpx.Response) -> AsyncIterator[A]:
        reader = EventReader()
        chunks = response.aiter_bytes()
        while True:
            with reaching(self._http.base_url):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            for body in reader.feed(chunk):
                yield parsed(call.answer, body)
