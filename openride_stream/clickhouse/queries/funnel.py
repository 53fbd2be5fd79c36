"""`GET /v1/analytics/funnel`."""

from typing import Any, Final

from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.preaggregations import RIDER_STEPS
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.registrations import bounds, registered
from openride_stream.clickhouse.queries.rounding import percentage
from openride_stream.clickhouse.queries.whole_days import whole_days
from openride_stream.clickhouse.reader import Reader

STEPS: Final = ("booking.created", "payment.initiated", "payment.success", "trip.completed")

# Of each user the earliest time of each step that is not before the step before it. To take the earliest is
# exact: whoever gets to the next step from a later time gets there from an earlier one as well, and no step
# moves the end. `never` is a time after the end, from which no step is reached.
_SQL: Final = """
SELECT (SELECT count() FROM {registered}) AS users, {reached}
FROM
(
    SELECT any(r.registered_at) AS time_0, addMilliseconds(time_0, {{window_ms:Int64}}) AS last,
           addMilliseconds(last, 1) AS never, {times}
    FROM ({rows}) AS a SEMI LEFT JOIN {registered} AS r ON a.user_id = r.user_id
    WHERE a.reached_at >= r.registered_at
      AND a.reached_at <= addMilliseconds(r.registered_at, {{window_ms:Int64}})
    GROUP BY a.user_id
)
"""


async def funnel(store: Reader, question: Question, window_days: int) -> dict[str, Any]:
    """Users registered in the range and place who got to each step, in order, within the window."""
    window_ms = window_days * DAY_MS
    days = range(question.start_ms // DAY_MS, (question.end_ms - 1 + window_ms) // DAY_MS + 1)
    rows = await whole_days(store, RIDER_STEPS, ("step", "user_id", "reached_at"), question, days)
    numbered = list(enumerate(STEPS, start=1))
    sql = _SQL.format(
        reached=", ".join(f"countIf(time_{number} <= last) AS users_{number}" for number, _ in numbered),
        times=", ".join(_time(number, step) for number, step in numbered),
        rows=rows.sql,
        registered=registered(store.database, question),
    )
    params = {**rows.params, **bounds(question), **question.params(), "window_ms": window_ms}
    row = (await store.select(sql, params))[0]
    return _answer([row["users"], *(row[f"users_{number}"] for number, _ in numbered)])


def _time(number: int, step: str) -> str:
    all_times = f"groupArrayIf(a.reached_at, a.step = '{step}')"
    times = f"arrayFilter(t -> t >= time_{number - 1}, {all_times}) AS times_{number}"
    return f"{times}, if(empty(times_{number}), never, arrayMin(times_{number})) AS time_{number}"


def _answer(counts: list[int]) -> dict[str, Any]:
    names = ["registered", *STEPS]
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
