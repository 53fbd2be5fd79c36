"""What people did, by whole days, as a subquery: built days where they are clean, events elsewhere."""

from collections.abc import Sequence
from dataclasses import replace

from openride_stream.clickhouse.days import DAY_MS
from openride_stream.clickhouse.preaggregations import PreAggregation
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.source import DAYS, Source, all_rows, touched
from openride_stream.clickhouse.reader import Reader


async def whole_days(
    store: Reader,
    sources: Sequence[PreAggregation],
    columns: Sequence[str],
    question: Question,
    days: range,
) -> Source:
    """Rows (span, `columns`) of `days` (since the epoch), wherever it was.

    A user may have several rows a day. Days are asked for as a whole, so that builds serve them: who needs
    less than a day tells by the times in the rows.
    """
    if not days:
        days = range(days.start, days.start + 1)
    whole = replace(
        question,
        start_ms=days.start * DAY_MS,
        end_ms=days.stop * DAY_MS,
        city=None,
        state=None,
    )
    states = await touched(store, sources, whole)
    return all_rows(store.database, sources, states, whole, columns=columns, spans=DAYS)
