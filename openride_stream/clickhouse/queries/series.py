"""Zero-filled time series: buckets of UTC, weeks from Monday; days of another zone where asked for."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from openride_stream.api.choices import Granularity
from openride_stream.clickhouse.preaggregations import ACTIVE_USERS, USER_DAYS, PreAggregation
from openride_stream.clickhouse.queries.distinct_ids import Ids
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.source import DAYS, HOURS, Source, all_rows, beginning, touched
from openride_stream.clickhouse.reader import Reader
from openride_stream.clock import midnight, utc_from_ms

# `span` is a Date, or a DateTime for hourly series.
BUCKET_SQL: Final[dict[Granularity, str]] = {
    "hourly": "t.span",
    "daily": "t.span",
    "weekly": "toStartOfWeek(t.span, 1)",
    "monthly": "toStartOfMonth(t.span)",
}


def bucket_seconds_sql(granularity: Granularity) -> str:
    """SQL of the start of the bucket of `t.span`, in seconds since the epoch."""
    return f"toUnixTimestamp(toDateTime({BUCKET_SQL[granularity]}, 'UTC'))"


async def distinct_series(store: Reader, ids: Ids, question: Question) -> list[dict[str, object]]:
    """How many of the ids there are by bucket of the question's granularity, zero-filled."""
    bucket, rows = await rows_by_bucket(store, ids.sources, ids.columns, question)
    sql = (
        f"SELECT {bucket} AS bucket, uniqExact(t.{ids.column}) AS value "
        f"FROM {rows.sql} WHERE {ids.meant} AND ({question.here(store.database)}) GROUP BY bucket"
    )
    counted = await store.select(sql, rows.params)
    return filled(question, {row["bucket"]: row["value"] for row in counted})


async def active_series(store: Reader, question: Question) -> list[dict[str, object]]:
    """The distinct active users by bucket of the question's granularity, zero-filled."""
    return await distinct_series(store, Ids(active(question), "user_id"), question)


def active(question: Question) -> tuple[PreAggregation, ...]:
    """Where the question's active users are: anywhere, there are fewer rows without their places."""
    return ACTIVE_USERS if question.placed else USER_DAYS


async def rows_by_bucket(
    store: Reader,
    preaggregations: Sequence[PreAggregation],
    columns: Sequence[str],
    question: Question,
) -> tuple[str, Source]:
    """SQL of the bucket of a row `t`, and `columns` of rows, with routes where need be."""
    assert question.granularity is not None
    days = await touched(store, preaggregations, question)
    spans = HOURS if question.granularity == "hourly" else DAYS
    if zoned := _is_zoned(question):
        spans = beginning([start_ms for start_ms, _ in buckets(question)])
    source = all_rows(store.database, preaggregations, days, question, columns=columns, spans=spans)
    rows = f"({source.sql}) AS t"
    bucket = "intDiv(t.span, 1000)" if zoned else bucket_seconds_sql(question.granularity)
    return bucket, Source(rows, {**source.params, **question.params()})


def _is_zoned(question: Question) -> bool:
    return question.granularity == "daily" and question.zone != "UTC"


def filled(
    question: Question, values: Mapping[int, float | str], nothing: float | str = 0
) -> list[dict[str, object]]:
    """`{timestamp, value}` for every bucket that the range touches; `values` by bucket start in seconds.

    A bucket that has no value has `nothing`.
    """
    return [
        {
            "timestamp": utc_from_ms(start_ms).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "value": values.get(start_ms // 1000, nothing),
        }
        for start_ms, _ in buckets(question)
    ]


def buckets(question: Question) -> list[tuple[int, int]]:
    """Every bucket of the question's granularity that its range touches: start and end, in ms."""
    assert question.granularity is not None
    if _is_zoned(question):
        return _days_of_zone(question)
    found: list[tuple[int, int]] = []
    start = _floor(utc_from_ms(question.start_ms), question.granularity)
    while _ms(start) < question.end_ms:
        end = _next(start, question.granularity)
        found.append((_ms(start), _ms(end)))
        start = end
    return found


def _days_of_zone(question: Question) -> list[tuple[int, int]]:
    day = utc_from_ms(question.start_ms).astimezone(ZoneInfo(question.zone)).date()
    starts_ms = [_ms(midnight(day, question.zone))]
    while starts_ms[-1] < question.end_ms:
        day += timedelta(days=1)
        starts_ms.append(_ms(midnight(day, question.zone)))
    return list(pairwise(starts_ms))


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def _floor(moment: datetime, granularity: Granularity) -> datetime:
    if granularity == "hourly":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    if granularity == "weekly":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if granularity == "monthly" else day


def _next(start: datetime, granularity: Granularity) -> datetime:
    if granularity == "monthly":
        return (start.replace(day=28) + timedelta(days=4)).replace(day=1)
    step = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(weeks=1)}
    return start + step[granularity]
