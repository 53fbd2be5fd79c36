"""Where an answer's states come from: built days and events, as one subquery."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from openride_stream.clickhouse.client import ClickHouse, Param
from openride_stream.clickhouse.days import Plan, plan
from openride_stream.clickhouse.preaggregations import PreAggregation
from openride_stream.clickhouse.queries.question import Question


@dataclass(frozen=True, slots=True)
class Source:
    """A subquery of states (day, keys, states) and the parameters that it binds."""

    sql: str
    params: dict[str, Param]


async def states(
    store: ClickHouse,
    preaggregation: PreAggregation,
    question: Question,
    *,
    columns: Sequence[str] = (),
    hourly: bool = False,
    prefix: str = "p",
) -> Source:
    """States for the question's range; with `hourly` their `day` is the hour, read from events.

    `columns` are the keys and states wanted beside the place; all of them by default.
    """
    variant = preaggregation.placed() if question.placed else preaggregation
    chosen = await plan(
        store,
        preaggregation,
        question.start_ms,
        question.end_ms,
        events_only=hourly or variant is not preaggregation,
    )
    wanted = ("city", "state", *columns) if columns else variant.columns()
    return _source(store.database, variant, chosen, wanted, hourly=hourly, prefix=prefix)


async def all_states(
    store: ClickHouse,
    preaggregations: Sequence[PreAggregation],
    columns: Sequence[str],
    question: Question,
    *,
    hourly: bool = False,
) -> Source:
    """The states of several pre-aggregations, one after the other."""
    sources = await asyncio.gather(
        *(
            states(store, preaggregation, question, columns=columns, hourly=hourly, prefix=f"p{number}_")
            for number, preaggregation in enumerate(preaggregations)
        )
    )
    params = {name: value for source in sources for name, value in source.params.items()}
    return Source(" UNION ALL ".join(source.sql for source in sources), params)


def _source(
    database: str, variant: PreAggregation, chosen: Plan, wanted: Sequence[str], *, hourly: bool, prefix: str
) -> Source:
    condition, params = chosen.condition(prefix)
    # A filter needs a route to join by; where there is none, none is asked for.
    columns = ", ".join(column for column in wanted if column in variant.columns())
    bucket = "toStartOfHour(event_timestamp, 'UTC')" if hourly else "toDate(event_timestamp)"
    parts = []
    if chosen.builds:
        of_source = f" AND source = '{variant.source}'" if "/" in variant.name else ""
        parts.append(
            f"SELECT day, {columns} FROM {database}.{variant.table} WHERE {chosen.built()}{of_source}"
        )
    if chosen.pieces or not parts:
        events = variant.states_of(database, condition, bucket=bucket)
        parts.append(f"SELECT day, {columns} FROM ({events})")
    return Source(" UNION ALL ".join(parts), params)
