"""Where an answer's states come from: built days and events, as one subquery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from openride_stream.clickhouse.client import ClickHouse, Param
from openride_stream.clickhouse.days import DAY_MS, DayState, Plan, day_states, plan
from openride_stream.clickhouse.preaggregations import PreAggregation
from openride_stream.clickhouse.queries.question import Question


@dataclass(frozen=True, slots=True)
class Source:
    """A subquery of states (day, keys, states) and the parameters that it binds."""

    sql: str
    params: dict[str, Param]


async def states(store: ClickHouse, preaggregation: PreAggregation, question: Question) -> Source:
    """The states of one pre-aggregation for the question's range, all of its columns."""
    found = await touched(store, (preaggregation,), question)
    return _one(store.database, preaggregation, found[preaggregation.name], question)


async def touched(
    store: ClickHouse, preaggregations: Sequence[PreAggregation], question: Question
) -> dict[str, list[DayState]]:
    """The touched days of the question's range."""
    return await day_states(
        store, preaggregations, question.start_ms // DAY_MS, (question.end_ms - 1) // DAY_MS
    )


def all_states(
    database: str,
    preaggregations: Sequence[PreAggregation],
    days: Mapping[str, Sequence[DayState]],
    columns: Sequence[str],
    question: Question,
) -> Source:
    """The states of several pre-aggregations, one after the other: their day, place and `columns`.

    For an hourly question `day` is the hour, read from events. `days` may hold more than the range.
    """
    sources = [
        _one(
            database,
            preaggregation,
            days[preaggregation.name],
            question,
            columns=("city", "state", *columns),
            prefix=f"p{number}_",
        )
        for number, preaggregation in enumerate(preaggregations)
    ]
    params = {name: value for source in sources for name, value in source.params.items()}
    return Source(" UNION ALL ".join(source.sql for source in sources), params)


def _one(
    database: str,
    preaggregation: PreAggregation,
    days: Sequence[DayState],
    question: Question,
    *,
    columns: Sequence[str] | None = None,
    prefix: str = "p",
) -> Source:
    variant = preaggregation.placed() if question.placed else preaggregation
    hourly = columns is not None and question.granularity == "hourly"
    chosen = plan(
        days, question.start_ms, question.end_ms, events_only=hourly or variant is not preaggregation
    )
    return _source(database, variant, chosen, columns or variant.columns(), hourly=hourly, prefix=prefix)


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
