"""Every endpoint of the application, listed explicitly."""

from web.endpoint import Endpoint
from web.views import (
    analytics,
    dead_letters,
    docs,
    exports,
    health,
    live,
    live_flow,
    live_zones,
    metrics,
    openapi,
    page,
    people,
    prometheus,
    rankings,
    realtime,
    reports,
    schedule_cleanup,
    schedule_figures,
    schedule_intake,
    schedules,
    trends,
    workers,
)


def all_endpoints() -> tuple[Endpoint, ...]:
    """The declarations, in the order of the documentation."""
    declared = (
        *metrics.ENDPOINTS,
        *rankings.ENDPOINTS,
        *realtime.endpoints(),
        *live.endpoints(),
        *live_zones.endpoints(),
        *live_flow.endpoints(),
        *analytics.ENDPOINTS,
        *trends.ENDPOINTS,
        *people.ENDPOINTS,
        *schedules.ENDPOINTS,
        *schedule_figures.ENDPOINTS,
        *schedule_intake.ENDPOINTS,
        *schedule_cleanup.ENDPOINTS,
        *exports.ENDPOINTS,
        *reports.ENDPOINTS,
        *health.endpoints(),
        *prometheus.endpoints(),
        *workers.ENDPOINTS,
        *dead_letters.ENDPOINTS,
        *page.ENDPOINTS,
        *docs.ENDPOINTS,
    )
    return openapi.described(declared)
