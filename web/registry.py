"""Every endpoint of the application, listed explicitly."""

from web.endpoint import Endpoint
from web.views import dead_letters, health, metrics, page, prometheus, workers


def all_endpoints() -> tuple[Endpoint, ...]:
    """The declarations, in the order of the documentation."""
    return (
        *metrics.ENDPOINTS,
        *health.endpoints(),
        *prometheus.endpoints(),
        *workers.ENDPOINTS,
        *dead_letters.ENDPOINTS,
        *page.ENDPOINTS,
    )
