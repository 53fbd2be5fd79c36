"""`GET /v1/analytics/…`: figures over time, by place, of who came and who stayed. Role: analyst.

Ranges as in `metrics`. `city` and `state` of a funnel, cohorts and retention are where somebody registered.
"""

from openride_stream.api.analyses import Cohorts, Funnel, Geographic, Retention, Trends
from openride_stream.api.choices import CohortType, GeographicMetric, Granularity, TrendMetric, UserType
from openride_stream.client.call import Moment, get


@get("/v1/analytics/geographic", Geographic)
def geographic(
    *,
    start_date: Moment | None = None,
    end_date: Moment | None = None,
    city: str | None = None,
    state: str | None = None,
    currency: str | None = None,
    metric: GeographicMetric = "bookings",
) -> None:
    """Bookings, revenue or active users by city and state, the largest first."""


@get("/v1/analytics/trends", Trends)
def trends(
    *,
    start_date: Moment | None = None,
    end_date: Moment | None = None,
    city: str | None = None,
    state: str | None = None,
    currency: str | None = None,
    granularity: Granularity = "daily",
    metric: TrendMetric = "bookings_created",
) -> None:
    """One figure over time, zero-filled."""


@get("/v1/analytics/funnel", Funnel)
def funnel(
    *,
    start_date: Moment | None = None,
    end_date: Moment | None = None,
    city: str | None = None,
    state: str | None = None,
    currency: str | None = None,
    window_days: int = 30,
) -> None:
    """How far those who registered in the range got within `window_days` (1 to 365)."""


@get("/v1/analytics/cohort", Cohorts)
def cohort(
    *,
    cohort_type: CohortType = "weekly",
    start_date: Moment | None = None,
    periods: int = 12,
    city: str | None = None,
    state: str | None = None,
) -> None:
    """Users by when they registered, and per cent of them active in the `periods` (1 to 52) from then on."""


@get("/v1/analytics/retention", Retention)
def retention(
    *,
    start_date: Moment | None = None,
    end_date: Moment | None = None,
    city: str | None = None,
    state: str | None = None,
    currency: str | None = None,
    user_type: UserType = "all",
) -> None:
    """Who of those who registered in the range was active 1, 7 and 30 days after."""
