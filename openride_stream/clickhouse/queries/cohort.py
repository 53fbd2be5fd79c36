"""`GET /v1/analytics/cohort`."""

from datetime import date
from typing import Any, Final

from openride_stream.api.choices import CohortType
from openride_stream.clickhouse.days import DAY_MS, iso_day
from openride_stream.clickhouse.preaggregations import USER_DAYS
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.registrations import bounds, registered
from openride_stream.clickhouse.queries.rounding import percentage
from openride_stream.clickhouse.queries.whole_days import whole_days
from openride_stream.clickhouse.reader import Reader

_EPOCH: Final = date(1970, 1, 1)
_DAYS_BEFORE_MONDAY: Final = 3  # the first day of the epoch was a Thursday

# The number of a day's period, in order and without gaps; the functions below say the same.
_PERIOD_SQL: Final[dict[CohortType, str]] = {
    "daily": "toInt32({day})",
    "weekly": f"intDiv(toInt32({{day}}) + {_DAYS_BEFORE_MONDAY}, 7)",
    "monthly": "toInt32(toYear({day}) * 12 + toMonth({day}) - 1)",
}

# One row a user: bit k is set when they were active in the kth period after the one of their registration.
_SQL: Final = """
SELECT cohort, count() AS users,
       sumForEach(arrayMap(k -> toUInt64(bitTest(periods, k)), range({{periods:UInt8}}))) AS active
FROM
(
    SELECT any(r.cohort) AS cohort, groupBitOr({bit}) AS periods
    FROM (SELECT user_id, {active_in} AS period FROM ({rows})) AS a
    RIGHT JOIN
    (
        SELECT user_id, {registered_in} AS cohort FROM {registered}
    ) AS r ON a.user_id = r.user_id
    GROUP BY r.user_id
)
GROUP BY cohort
"""
_BIT: Final = (
    "if(a.period > r.cohort AND a.period - r.cohort < {periods:UInt8}, "
    "bitShiftLeft(toUInt64(1), bitAnd(a.period - r.cohort, 63)), 0)"
)


async def cohort(
    store: Reader, question: Question, cohort_type: CohortType, periods: int, now_ms: int
) -> dict[str, Any]:
    """The cohorts of the question's range, and the share of each that was active in the periods after.

    The range begins with a period and reaches beyond `now_ms` at most by what its period has left. `periods`
    is at most 64: a user's periods are bits of a word.
    """
    current = period_of(now_ms // DAY_MS, cohort_type)
    first = period_of(question.start_ms // DAY_MS, cohort_type)
    # What is shown of activity is that of periods that have ended, after the first cohort's own.
    days = range(first_day(first + 1, cohort_type), first_day(current, cohort_type))
    rows = await whole_days(store, USER_DAYS, ("user_id",), question, days)
    sql = _SQL.format(
        bit=_BIT,
        active_in=_PERIOD_SQL[cohort_type].format(day="span"),
        registered_in=_PERIOD_SQL[cohort_type].format(day="toDate(registered_at)"),
        rows=rows.sql,
        registered=registered(store.database, question),
    )
    params = {**rows.params, **bounds(question), **question.params(), "periods": periods}
    found = {row["cohort"]: row for row in await store.select(sql, params)}
    return {
        "cohorts": [
            {
                "cohort_period": iso_day(first_day(number, cohort_type)),
                "cohort_size": found[number]["users"] if number in found else 0,
                "retention_by_period": {
                    f"period_{k}": _share(found.get(number), k) if number + k < current else None
                    for k in range(periods)
                },
            }
            for number in range(first, current + 1)
        ]
    }


def _share(row: dict[str, Any] | None, k: int) -> float:
    if row is None:
        return 0.0
    # Everyone was there in the period in which they registered.
    return percentage(row["active"][k] if k else row["users"], row["users"])


def period_of(day: int, cohort_type: CohortType) -> int:
    """The number of the period of a day (since the epoch)."""
    if cohort_type == "daily":
        return day
    if cohort_type == "weekly":
        return (day + _DAYS_BEFORE_MONDAY) // 7
    moment = date.fromisoformat(iso_day(day))
    return moment.year * 12 + moment.month - 1


def first_day(period: int, cohort_type: CohortType) -> int:
    """The first day (since the epoch) of a period."""
    if cohort_type == "daily":
        return period
    if cohort_type == "weekly":
        return period * 7 - _DAYS_BEFORE_MONDAY
    return (date(period // 12, period % 12 + 1, 1) - _EPOCH).days
