"""Where an answer's rows come from: built days and events, as one subquery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from openride_stream.clickhouse.client import Param
from openride_stream.clickhouse.days import DAY_MS, DayState, Plan, plan
from openride_stream.clickhouse.distinct import NO_ROUTE, booking_routes
from openride_stream.clickhouse.preaggregations import PreAggregation, merged_of
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.reader import Reader
from openride_stream.clickhouse.recomputed import FIRST, LAST, TIME

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


def beginning(starts_ms: Sequence[int]) -> Spans:
    """Spans that follow one another, each named by the moment (ms) at which it begins, in order."""
    return Spans(f"roundDown(toUnixTimestamp64Milli(event_timestamp), {list(starts_ms)})", None)


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
    """The touched days of the question's range, also of what is made of all of `preaggregations`."""
    whole = merged_of(tuple(preaggregations))
    asked = (*preaggregations, whole) if whole else preaggregations
    return await store.states(asked, question.start_ms // DAY_MS, (question.end_ms - 1) // DAY_MS)


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
    selected = ", ".join(("span", *wanted))
    params: dict[str, Param] = {}
    events: list[str] = []
    built: dict[str, list[tuple[PreAggregation, Plan]]] = {}
    covered: set[int] = set()
    if (whole := merged_of(tuple(preaggregations))) is not None:
        chosen = _plan(whole, days[whole.name], question, spans)
        if chosen.builds:
            built[whole.table] = [(whole, chosen)]
            covered = {day for day, _ in chosen.builds}
    for number, kept in enumerate(preaggregations):
        left = [state for state in days[kept.name] if state.day not in covered]
        chosen = _plan(kept, left, question, spans)
        if chosen.builds:
            built.setdefault(kept.table, []).append((kept, chosen))
        if chosen.pieces:
            condition, bound = chosen.condition(f"{prefix}{number}_")
            params |= bound
            rows = kept.only(wanted).rows_of(database, condition, bucket=spans.of_event)
            events.append(f"SELECT {selected} FROM (SELECT *, day AS span FROM ({rows}))")
    # One look through a table: as many as there are pre-aggregations took three times as long.
    parts = [
        f"SELECT {selected} FROM ({_built(database, several, question, spans, wanted)})"
        for several in built.values()
    ]
    if not parts and not events:
        nothing = preaggregations[0].only(wanted).rows_of(database, "0", bucket=spans.of_event)
        parts.append(f"SELECT {selected} FROM (SELECT *, day AS span FROM ({nothing}))")
    return Source(" UNION ALL ".join((*parts, *events)), params)


def _plan(kept: PreAggregation, days: Sequence[DayState], question: Question, spans: Spans) -> Plan:
    return plan(
        days,
        question.start_ms,
        question.end_ms,
        events_only=not kept.timed and spans.of_day is None,
        edges_ms=spans.edges_ms,
        cuts=inf if kept.timed else int(kept.seen),
    )


def _built(
    database: str,
    several: Sequence[tuple[PreAggregation, Plan]],
    question: Question,
    spans: Spans,
    columns: Sequence[str],
) -> str:
    """Rows of built days of one table."""
    kept = several[0][0]
    cut = any(chosen.cut for _, chosen in several)
    conditions = [_of_builds(several)]
    if cut:
        conditions.append(_within(question, kept))
    span, condition = _span(kept, spans, cut), " AND ".join(conditions)
    rows = f"SELECT *, {span} AS span FROM {database}.{kept.table} WHERE {condition}"
    late = any(each.route_of_booking and chosen.late for each, chosen in several)
    if late and "route_id" in columns:
        return _with_late_routes(database, rows)
    return rows


def _of_builds(several: Sequence[tuple[PreAggregation, Plan]]) -> str:
    # Generations are microseconds, and no two sources are built in the same one: to ask for each one's source
    # as well would take twice as long.
    pairs = ", ".join(
        f"(toDate({day}), {generation})" for _, chosen in several for day, generation in chosen.builds
    )
    condition = f"(day, generation) IN ({pairs})"
    if several[0][0].shares_table:
        sources = ", ".join(f"'{kept.source}'" for kept, _ in several)
        condition += f" AND source IN ({sources})"
    return condition


def _span(kept: PreAggregation, spans: Spans, cut: bool) -> str:
    if spans.of_day is None or (kept.timed and spans.edges_ms):
        return spans.of_event
    # What was seen last in a part was seen in it.
    return spans.of_event.replace(TIME, LAST) if cut and spans.edges_ms else spans.of_day


def _within(question: Question, kept: PreAggregation) -> str:
    first, last = (TIME, TIME) if kept.timed else (FIRST, LAST)
    return (
        f"{last} >= fromUnixTimestamp64Milli({question.start_ms}, 'UTC') "
        f"AND {first} < fromUnixTimestamp64Milli({question.end_ms}, 'UTC')"
    )


def _with_late_routes(database: str, built: str) -> str:
    """Rows of built days, with the routes of bookings that were not known when those were built."""
    unknown = f"SELECT * FROM ({built}) WHERE booking_id != {NO_ROUTE}"
    routes = booking_routes(database, f"booking_id IN (SELECT booking_id FROM ({unknown}))")
    # They are few: the others need not go through the join.
    return (
        f"SELECT * FROM ({built}) WHERE booking_id = {NO_ROUTE} UNION ALL "
        f"SELECT s.* REPLACE (b.route_id AS route_id) FROM ({unknown}) AS s "
        f"LEFT JOIN {routes} AS b ON s.booking_id = b.booking_id"
    )
