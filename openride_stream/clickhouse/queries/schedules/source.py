"""What answers about schedules are made from: builds of hours, and executions as they were stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from openride_stream.clickhouse.client import ClickHouse, Param, Row
from openride_stream.clickhouse.hour_looks import Hours
from openride_stream.clickhouse.hours import HOUR_MS, HourPlan, hour_sql, hours_sql, within_sql
from openride_stream.clickhouse.queries.schedules.flat import flat_executions
from openride_stream.clickhouse.queries.schedules.span import Span


@dataclass(frozen=True, slots=True)
class Source:
    """A store, and how to answer for a range of it. One question asks one source, so that its parts agree."""

    store: ClickHouse
    hours: Hours
    plan: HourPlan

    @classmethod
    async def of(cls, store: ClickHouse, hours: Hours, start_ms: int, end_ms: int) -> Self:
        """What there is of [start_ms, end_ms), at this moment."""
        return cls(store, hours, await hours.plan(start_ms, end_ms))

    async def select(self, sql: str, params: dict[str, Param]) -> list[Row]:
        """See `ClickHouse.select`."""
        return await self.store.select(sql, params, compiled=False)

    def rows(self, span: Span, columns: Sequence[str], fixed: str = "1", *, levelled: bool = False) -> str:
        """A subquery of the executions of a span within the range, with `columns` of `flat.COLUMNS`.

        It binds what `span` does. `fixed` is our own SQL over fields that no update changes; `levelled` are
        only those of the level `{level:String}`.
        """
        condition = f"{span.condition()} AND {fixed}"
        pieces = [
            (max(first, span.start_ms), min(last, span.end_ms))
            for first, last in self.plan.pieces
            if first < span.end_ms and span.start_ms < last
        ]
        parts = []
        if pieces != [(span.start_ms, span.end_ms)]:
            parts.append(self._built(span, columns, condition, levelled=levelled))
        if pieces:
            database, within = self.store.database, within_sql("started_processing_at", pieces)
            names = [*dict.fromkeys([*columns, *(("level",) if levelled else ())])]
            stored = flat_executions(
                database, f"{within} AND {condition}", names, since_ms=pieces[0][0], levelled=levelled
            )
            of_level = " WHERE level = {level:String}" if levelled else ""
            parts.append(f"SELECT {', '.join(columns)} FROM {stored}{of_level}")
        return f"({' UNION ALL '.join(parts)})"

    def every_row(self, span: Span, columns: Sequence[str]) -> str:
        """A subquery of a span's executions, and maybe of some that no longer count; it binds nothing."""
        database, shown = self.store.database, ", ".join(columns)
        hours = f"hour >= {hour_sql(span.start_ms)} AND hour < {hour_sql(span.end_ms + HOUR_MS - 1)}"
        parts = [f"SELECT {shown} FROM {database}.schedule_hours WHERE {hours}"]
        pieces = [piece for piece in self.plan.pieces if piece[0] < span.end_ms and span.start_ms < piece[1]]
        if pieces:
            within = within_sql("started_processing_at", pieces)
            parts.append(f"SELECT {shown} FROM {database}.schedule_executions WHERE {within}")
        return f"({' UNION ALL '.join(parts)})"

    def _built(self, span: Span, columns: Sequence[str], condition: str, *, levelled: bool) -> str:
        database = self.store.database
        first, end = hour_sql(span.start_ms), hour_sql(span.end_ms + HOUR_MS - 1)
        hours = f"hour >= {first} AND hour < {end}"
        terms = [
            hours_sql(span.start_ms, span.end_ms),
            *(f"NOT {_within(*piece)}" for piece in self.plan.pieces),
        ]
        if levelled:
            terms.append("level = {level:String}")
        terms.append(
            f"generation IN (SELECT argMax(b.generation, (marks_seen, b.generation)) "
            f"FROM {database}.schedule_builds AS b WHERE {hours} GROUP BY hour)"
        )
        return (
            f"SELECT {', '.join(columns)} FROM {database}.schedule_hours "
            f"WHERE {' AND '.join([*terms, condition])}"
        )


def _within(first_ms: int, last_ms: int) -> str:
    """SQL condition: of an hour that is read as it was stored. A piece is cut where the range is."""
    return f"(hour >= {hour_sql(first_ms)} AND hour < {hour_sql(last_ms + HOUR_MS - 1)})"
