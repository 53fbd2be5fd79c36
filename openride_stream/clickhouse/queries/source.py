"""Where an answer's rows come from: built days and events, as one subquery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from openride_stream.clickhouse.client import Param
from openride_stream.clickhouse.days import DAY_MS, DayState, Plan, plan
from openride_stream.clickhouse.distinct import NO_ROUTE, booking_routes
from openride_stream.clickhouse.preaggregations import PreAggregation
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.reader import Reader

_PLACE: Final = ("city", "state", "route_id")


@dataclass(frozen=True, slots=True)
class Source:
    """A subquery of rows (span, columns) and the parameters that it binds."""

    sql: str
    params: dict[str, Param]


@dataclass(frozen=True, slots=True)
class Spans:
    """What the rows of an answer are told apart by: SQL over an event, and over a built day.

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


async def rows_of(
    store: Reader,
    preaggregation: PreAggregation,
    columns: Sequence[str],
    question: Question,
    *,
    prefix: str = "p",
) -> Source:
    """The rows of one pre-aggregation for the question's range by day: see `all_rows`.

    `prefix` begins the names of the parameters, which must differ in one statement.
    """
    days = await touched(store, (preaggregation,), question)
    return all_rows(
        store.database, (preaggregation,), days, question, columns=columns, spans=DAYS, prefix=prefix
    )


async def touched(
    store: Reader, preaggregations: Sequence[PreAggregation], question: Question
) -> dict[str, list[DayState]]:
    """The touched days of the question's range."""
    return await store.states(preaggregations, question.start_ms // DAY_MS, (question.end_ms - 1) // DAY_MS)


def all_rows(
    database: str,
    preaggregations: Sequence[PreAggregation],
    days: Mapping[str, Sequence[DayState]],
    question: Question,
    *,
    columns: Sequence[str],
    spans: Spans,
    prefix: str = "p",
    placed: bool = False,
) -> Source:
    """The rows of several pre-aggregations, one after the other: their span and `columns`.

    Their place (city, state, route_id) comes along where the question is for one, or when it is to be
    `placed`. `days` may hold more than the range.
    """
    wanted = (*columns, *_PLACE) if question.placed or placed else columns
    sources = [
        rows_of_range(
            database,
            preaggregation,
            days[preaggregation.name],
            question,
            columns=wanted,
            spans=spans,
            prefix=f"{prefix}{number}_",
        )
        for number, preaggregation in enumerate(preaggregations)
    ]
    params = {name: value for source in sources for name, value in source.params.items()}
    return Source(" UNION ALL ".join(source.sql for source in sources), params)


def rows_of_range(
    database: str,
    preaggregation: PreAggregation,
    days: Sequence[DayState],
    question: Question,
    *,
    columns: Sequence[str],
    spans: Spans,
    prefix: str,
) -> Source:
    """Span and `columns` of one pre-aggregation for the range: of built days, and of events elsewhere."""
    variant = preaggregation.only(columns)
    whole = not preaggregation.timed
    chosen = plan(
        days,
        question.start_ms,
        question.end_ms,
        events_only=whole and spans.of_day is None,
        edges_ms=spans.edges_ms,
        whole=whole,
    )
    condition, params = chosen.condition(prefix)
    selected = ", ".join(("span", *columns))
    parts = []
    if chosen.builds:
        built = _built(database, preaggregation, chosen, spans, question)
        if preaggregation.route_of_booking and "route_id" in columns:
            built = _with_late_routes(database, built)
        parts.append(f"SELECT {selected} FROM ({built})")
    if chosen.pieces or not parts:
        events = variant.rows_of(database, condition, bucket=spans.of_event)
        parts.append(f"SELECT {selected} FROM (SELECT *, day AS span FROM ({events}))")
    return Source(" UNION ALL ".join(parts), params)


def _with_late_routes(database: str, built: str) -> str:
    """Rows of built days, with the routes of bookings that were not known when those were built."""
    unknown = f"SELECT booking_id FROM ({built}) WHERE booking_id != {NO_ROUTE}"
    routes = booking_routes(database, f"booking_id IN ({unknown})")
    return (
        f"SELECT s.* EXCEPT (route_id), if(s.booking_id = {NO_ROUTE}, s.route_id, b.route_id) AS route_id "
        f"FROM ({built}) AS s LEFT JOIN {routes} AS b ON s.booking_id = b.booking_id"
    )


def _built(database: str, kept: PreAggregation, chosen: Plan, spans: Spans, question: Question) -> str:
    by_day = spans.of_day is not None and not (kept.timed and spans.edges_ms)
    within = f" AND {_within(question)}" if kept.timed and chosen.cut else ""
    return (
        f"SELECT *, {spans.of_day if by_day else spans.of_event} AS span FROM {database}.{kept.table} "
        f"WHERE {chosen.built()} AND {kept.of_source}{within}"
    )


def _within(question: Question) -> str:
    return (
        f"event_timestamp >= fromUnixTimestamp64Milli({question.start_ms}, 'UTC') "
        f"AND event_timestamp < fromUnixTimestamp64Milli({question.end_ms}, 'UTC')"
    )
