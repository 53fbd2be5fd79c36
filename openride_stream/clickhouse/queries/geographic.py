"""`GET /v1/analytics/geographic`."""

from dataclasses import dataclass
from typing import Any, Final

from openride_stream.api.choices import GeographicMetric
from openride_stream.clickhouse.preaggregations import ACTIVE_USERS, PreAggregation
from openride_stream.clickhouse.queries.distinct_ids import BOOKINGS_CREATED, PAYMENTS_SUCCEEDED
from openride_stream.clickhouse.queries.question import CITY_SQL, STATE_SQL, Question, routed
from openride_stream.clickhouse.queries.rounding import money
from openride_stream.clickhouse.queries.source import DAYS, all_rows, touched
from openride_stream.clickhouse.reader import Reader


@dataclass(frozen=True, slots=True)
class _Figure:
    """What is shown for each place: where it is kept, and SQL of it and of whether there is any."""

    sources: tuple[PreAggregation, ...]
    columns: tuple[str, ...]
    value: str
    some: str


_PAID: Final = f"{PAYMENTS_SUCCEEDED.meant} AND t.currency = {{currency:String}}"

_FIGURES: Final[dict[GeographicMetric, _Figure]] = {
    "bookings": _Figure(
        BOOKINGS_CREATED.sources, BOOKINGS_CREATED.columns, BOOKINGS_CREATED.count(), "value > 0"
    ),
    "revenue": _Figure(
        PAYMENTS_SUCCEEDED.sources,
        ("kind", "currency", "amount"),
        f"sumIf(toDecimal128(t.amount, 2), {_PAID})",
        f"countIf({_PAID}) > 0",
    ),
    "users": _Figure(ACTIVE_USERS, ("user_id",), "uniqExact(t.user_id)", "value > 0"),
}

# Largest first, then by name; what has none comes last.
_SQL: Final = """
SELECT {city} AS place_city, {state} AS place_state, {value} AS value
FROM {rows} WHERE {here} GROUP BY place_city, place_state HAVING {some}
ORDER BY value DESC, place_state = '', place_state, place_city = '', place_city
"""


async def geographic(store: Reader, question: Question, metric: GeographicMetric) -> dict[str, Any]:
    """The figure by place; null and null is what has no place."""
    figure = _FIGURES[metric]
    days = await touched(store, figure.sources, question)
    rows = all_rows(
        store.database, figure.sources, days, question, columns=figure.columns, spans=DAYS, placed=True
    )
    sql = _SQL.format(
        city=CITY_SQL,
        state=STATE_SQL,
        value=figure.value,
        some=figure.some,
        rows=routed(store.database, rows.sql),
        here=question.here(store.database),
    )
    found = await store.select(sql, {**rows.params, **question.params()})
    return {
        "data_points": [
            {
                "state": row["place_state"] or None,
                "city": row["place_city"] or None,
                "value": money(row["value"]) if metric == "revenue" else row["value"],
            }
            for row in found
        ]
    }
