"""Where an answer's states come from: built days and events, as one subquery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from openride_stream.clickhouse.client import ClickHouse, Param
from openride_stream.clickhouse.days import DAY_MS, DayState, Plan, day_states, plan
from openride_stream.clickhouse.preaggregations import PreAggregation
from openride_stream.clickhouse.queries.question import Question

_PLACE: Final = ("city", "state", "route_id")


@dataclass(frozen=True, slots=True)
class Source:
    """A subquery of states (span, keys, states) and the parameters that it binds."""

    sql: str
    params: dict[str, Param]


@dataclass(frozen=True, slots=True)
class Spans:
    """What the states of an answer are told apart by: SQL over an event, and over a built day.

    `of_day` is None where a built day is too coarse, and no span begins within one but at `edges_ms`.
    """

    of_event: str
    of_day: str | None
    edges_ms: tuple[int, ...] = ()


DAYS: Final = Spans("toDate(event_timestamp)", "day")
HOURS: Final = Spans("toStartOfHour(event_timestamp, 'UTC')", None)


def windows(starts_ms: Sequence[int]) -> Spans:
    """Windows that end together: span N is what lies in the window of the Nth start and in none before.

    `starts_ms` come from the latest on; what lies before all of them has the next number.
    """
    events, days = [], []
    for number, start_ms in enumerate(starts_ms):
        events.append(f"event_timestamp >= fromUnixTimestamp64Milli({start_ms}, 'UTC'), {number}")
        days.append(f"toInt64(day) * {DAY_MS} >= {start_ms}, {number}")
    of_event, of_day = (f"multiIf({', '.join(cases)}, {len(starts_ms)})" for cases in (events, days))
    return Spans(of_event, of_day, tuple(starts_ms))


async def states(
    store: ClickHouse, preaggregation: PreAggregation, question: Question, *, prefix: str = "p"
) -> Source:
    """The states of one pre-aggregation for the question's range by day, all of its columns.

    `prefix` begins the names of the parameters, which must differ in one statement.
    """
    found = await touched(store, (preaggregation,), question)
    variant = preaggregation.placed() if question.placed else preaggregation
    return states_of_range(store.database, variant, found[preaggregation.name], question, DAYS, prefix=prefix)


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
    question: Question,
    *,
    columns: Sequence[str],
    spans: Spans,
) -> Source:
    """The states of several pre-aggregations, one after the other: their span and `columns`.

    Their place comes along where the question is for one. `days` may hold more than the range.
    """
    wanted = (*_PLACE, *columns) if question.placed else columns
    sources = [
        states_of_range(
            database,
            (preaggregation.placed() if question.placed else preaggregation).only(wanted),
            days[preaggregation.name],
            question,
            spans,
            prefix=f"p{number}_",
        )
        for number, preaggregation in enumerate(preaggregations)
    ]
    params = {name: value for source in sources for name, value in source.params.items()}
    return Source(" UNION ALL ".join(source.sql for source in sources), params)


def states_of_range(
    database: str,
    variant: PreAggregation,
    days: Sequence[DayState],
    question: Question,
    spans: Spans,
    *,
    prefix: str,
) -> Source:
    """The states of one variant for the question's range: `days` that are built, the rest from events."""
    unbuilt = spans.of_day is None or variant.by_booking
    chosen = plan(days, question.start_ms, question.end_ms, events_only=unbuilt, edges_ms=spans.edges_ms)
    condition, params = chosen.condition(prefix)
    parts = [_built(database, variant, chosen, spans)] if chosen.builds else []
    if chosen.pieces or not parts:
        events = variant.states_of(database, condition, bucket=spans.of_event)
        parts.append(f"SELECT {', '.join(('day AS span', *variant.columns()))} FROM ({events})")
    return Source(" UNION ALL ".join(parts), params)


def _built(database: str, variant: PreAggregation, chosen: Plan, spans: Spans) -> str:
    of_source = f" AND source = '{variant.source}'" if "/" in variant.name else ""
    columns = ", ".join((f"{spans.of_day} AS span", *variant.columns()))
    return f"SELECT {columns} FROM {database}.{variant.table} WHERE {chosen.built()}{of_source}"
