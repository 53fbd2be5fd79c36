"""`GET /v1/analytics/funnel`."""

from typing import Any, Final

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.preaggregations import USER_DAYS
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.registrations import bounds, registered
from openride_stream.clickhouse.queries.rounding import percentage
from openride_stream.clickhouse.queries.user_days import user_days

# Where the steps after the registration are kept: the step's name, its column.
STEPS: Final = (
    ("booking.created", "created"),
    ("payment.initiated", "initiated"),
    ("payment.success", "succeeded"),
    ("trip.completed", "completed"),
)

_SOURCES: Final = tuple(
    kept for kept in USER_DAYS if kept.source in {"booking_events", "payment_events", "trip_events"}
)

# Of each user the earliest time of each step that is not before the step before it. To take the earliest is
# exact: whoever gets to the next step from a later time gets there from an earlier one as well, and no step
# moves the end. `never` is a time after the end, from which no step is reached.
_SQL: Final = """
SELECT count() AS users, {reached}
FROM
(
    SELECT r.registered_at AS t0, addMilliseconds(t0, {{window_ms:Int64}}) AS last,
           addMilliseconds(last, 1) AS never, {steps}
    FROM {rows} AS a RIGHT JOIN {registered} AS r ON a.user_id = r.user_id
    GROUP BY r.user_id, r.registered_at
)
"""


async def funnel(store: ClickHouse, question: Question, window_days: int) -> dict[str, Any]:
    """Users registered in the range and place who got to each step, in order, within the window."""
    window_ms = window_days * DAY_MS
    days = range(question.start_ms // DAY_MS, (question.end_ms - 1 + window_ms) // DAY_MS + 1)
    columns = [column for _, column in STEPS]
    rows = await user_days(store, _SOURCES, ("user_id", *columns), question, days)
    sql = _SQL.format(
        reached=", ".join(f"countIf(t{number} <= last) AS users_{number}" for number in _numbers()),
        steps=", ".join(_reached(number) for number in _numbers()),
        rows=f"(SELECT * FROM ({rows.sql}) WHERE {' OR '.join(f'notEmpty({c})' for c in columns)})",
        registered=registered(store.database, question),
    )
    params = {**rows.params, **bounds(question), **question.params(), "window_ms": window_ms}
    row = (await store.select(sql, params))[0]
    return _answer([row["users"], *(row[f"users_{number}"] for number in _numbers())])


def _numbers() -> range:
    return range(1, len(STEPS) + 1)


def _reached(number: int) -> str:
    times = f"arrayFilter(t -> t >= t{number - 1} AND t <= last, groupArrayArray(a.{STEPS[number - 1][1]}))"
    return (
        f"{times} AS times_{number}, if(empty(times_{number}), never, arrayMin(times_{number})) AS t{number}"
    )


def _answer(counts: list[int]) -> dict[str, Any]:
    names = ["registered", *(name for name, _ in STEPS)]
    before = [counts[0], *counts[:-1]]
    return {
        "steps": [
            {
                "step_number": number,
                "step_name": name,
                "count": count,
                "conversion_rate": percentage(count, counts[0]),
                "drop_off_rate": percentage(previous - count, previous),
            }
            for number, (name, count, previous) in enumerate(zip(names, counts, before, strict=True), start=1)
        ],
        "overall_conversion_rate": percentage(counts[-1], counts[0]),
    }
