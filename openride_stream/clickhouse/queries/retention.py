"""`GET /v1/analytics/retention`."""

from typing import Any, Final

from openride_stream.api.choices import UserType
from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.distinct import counted
from openride_stream.clickhouse.preaggregations import USER_DAYS
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.registrations import bounds, registered
from openride_stream.clickhouse.queries.rounding import percentage
from openride_stream.clickhouse.queries.whole_days import whole_days
from openride_stream.clickhouse.reader import Reader

AFTER_DAYS: Final = (1, 7, 30)

# One row a user: bit N is set when they were active on the Nth of the days asked for.
_SQL: Final = """
SELECT {figures}
FROM
(
    SELECT any(r.registered_on) AS registered_on, groupBitOr({bit}) AS active
    FROM ({rows}) AS a
    RIGHT JOIN
    (
        SELECT user_id, toInt32(toDate(registered_at)) AS registered_on
        FROM {registered} WHERE {typed}
    ) AS r ON a.user_id = r.user_id
    GROUP BY r.user_id
)
"""

_TYPED: Final[dict[UserType, str]] = {
    "all": "1",
    "rider": "role = 'RIDER'",
    "driver": "role = 'DRIVER' OR user_id IN (SELECT user_id FROM {database}.user_facts "
    "WHERE kind = 'upgraded' AND {counted} "
    "AND event_timestamp < fromUnixTimestamp64Milli({{registered_before:Int64}}, 'UTC'))",
}


def last_day(question: Question) -> int:
    """The last day (since the epoch) that the answer to the question can hang on."""
    return (question.end_ms - 1) // DAY_MS + max(AFTER_DAYS)


async def retention(store: Reader, question: Question, user_type: UserType, today: int) -> dict[str, Any]:
    """Users registered in the range and place, and how many were active 1, 7 and 30 days after.

    `today` (days since the epoch) has not ended, nor has any day after it.
    """
    days = range(question.start_ms // DAY_MS + min(AFTER_DAYS), min(last_day(question) + 1, today))
    rows = await whole_days(store, USER_DAYS, ("user_id",), question, days)
    sql = _SQL.format(
        figures=", ".join(_figures(number, after) for number, after in enumerate(AFTER_DAYS)),
        bit=_bit(),
        rows=rows.sql,
        registered=registered(store.database, question),
        typed=_TYPED[user_type].format(database=store.database, counted=counted(store.database)),
    )
    params = {**rows.params, **bounds(question), **question.params(), "today": today}
    row = (await store.select(sql, params))[0]
    return {
        f"d{after}": {
            "users": row[f"users_{after}"],
            "retained": row[f"retained_{after}"],
            "rate": percentage(row[f"retained_{after}"], row[f"users_{after}"]),
        }
        for after in AFTER_DAYS
    }


def _bit() -> str:
    days_after = "toInt32(a.span) - r.registered_on"
    cases = (f"{days_after} = {after}, {1 << number}" for number, after in enumerate(AFTER_DAYS))
    return f"toUInt8(multiIf({', '.join(cases)}, 0))"


def _figures(number: int, after: int) -> str:
    ended = f"registered_on + {after} < {{today:Int32}}"
    users, retained = f"countIf({ended})", f"countIf({ended} AND bitTest(active, {number}))"
    return f"{users} AS users_{after}, {retained} AS retained_{after}"
