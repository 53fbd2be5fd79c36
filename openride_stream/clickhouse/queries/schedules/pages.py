"""Pages of executions, newest first: by when their processing started, then by analytics_id."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from openride_stream.clickhouse.client import ClickHouse, Param, Row
from openride_stream.clickhouse.hour_looks import Hours
from openride_stream.clickhouse.queries.schedules.merging import whole_executions
from openride_stream.clickhouse.queries.schedules.source import Source
from openride_stream.clickhouse.queries.schedules.span import HOUR_MS, Span
from openride_stream.clock import rfc3339

_HOURS: Final[tuple[int, ...]] = (1, 24)
"""How far a page is looked for, one after the other; then as far as it goes."""
_HOURS_OF_ONE: Final = (24,)
"""Of one schedule, which lies together by day."""
_TIMES: Final = frozenset({"scheduled_at", "started_processing_at", "completed_at"})
FIELDS: Final = (
    *("analytics_id", "schedule_type", "schedule_id", "schedule_name", "level"),
    *("event_type", "event_action", "event_entity_id", "correlation_id"),
    *("scheduled_at", "started_processing_at", "completed_at"),
    *("execution_result", "retry_count", "error_message"),
    *("time_in_mongo_queue_ms", "time_in_clickhouse_queue_ms", "time_in_redis_queue_ms"),
    *("total_processing_time_ms", "kafka_publish_time_ms", "processed_by_node"),
    *("kafka_topic", "kafka_partition", "kafka_offset"),
    *("source_mongo_execution_id", "source_clickhouse_id", "source_redis_key"),
)
"""The contract's fields of an execution, in the order of an answer."""


class BadCursor(ValueError):
    """What was given is no cursor of ours."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last execution of a page; the next one begins after it."""

    started_ms: int
    analytics_id: str

    def text(self) -> str:
        """As clients pass it on: they need not understand it."""
        return urlsafe_b64encode(f"{self.started_ms}.{self.analytics_id}".encode()).decode().rstrip("=")

    @classmethod
    def of(cls, text: str) -> Self:
        """The cursor in a text.

        Raises:
            BadCursor: it is none.
        """
        try:
            padded = text + "=" * (-len(text) % 4)
            started, _, identity = urlsafe_b64decode(padded.encode("ascii")).decode("ascii").partition(".")
            cursor = cls(int(started), str(UUID(identity)))
        except ValueError:
            raise BadCursor from None
        if cursor.text() != text or not 0 <= cursor.started_ms < 1 << 42:
            raise BadCursor
        return cursor


@dataclass(frozen=True, slots=True)
class Search:
    """Which executions, of [start_ms, end_ms) by when their processing started, and how many of them.

    About `now_ms` and before are the newest ones, as a rule: where the range is `long` they are looked for
    there first.
    """

    start_ms: int
    end_ms: int
    now_ms: int
    limit: int
    cursor: Cursor | None = None
    schedule_id: str | None = None
    schedule_type: str | None = None
    event_type: str | None = None
    level: str | None = None
    long: bool = True

    def condition(self) -> tuple[str, dict[str, Param]]:
        """SQL condition over fields that no update changes, without the range; what it binds."""
        names = ("schedule_id", "schedule_type", "event_type")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        terms = [f"{name} = {{{name}:String}}" for name in given]
        if self.cursor is not None:
            given |= {"after_ms": self.cursor.started_ms, "after": self.cursor.analytics_id}
            at = "fromUnixTimestamp64Milli({after_ms:Int64}, 'UTC')"
            # Both ways: the first is what the order of the table can use.
            terms.append(f"started_processing_at <= {at}")
            terms.append(
                f"(started_processing_at < {at} OR UUIDToNum(analytics_id) < UUIDToNum({{after:UUID}}))"
            )
        return " AND ".join(terms) or "1", given


async def page(store: ClickHouse, hours: Hours, search: Search) -> dict[str, Any]:
    """At most `limit` executions, and the cursor of what follows, null at the end."""
    found = await _found(store, hours, search)
    shown = found[: search.limit]
    whole = await whole_executions(store, {row["id"]: row["started_ms"] for row in shown})
    last = shown[-1] if len(found) > search.limit else None
    return {
        # One that was deleted in between is left out.
        "executions": [_told(whole[row["id"]]) for row in shown if row["id"] in whole],
        "next_cursor": Cursor(last["started_ms"], last["id"]).text() if last else None,
    }


async def _found(store: ClickHouse, hours: Hours, search: Search) -> list[Row]:
    """The page's ids and one more where there is more: looked for near its newest end first.

    Further back only what lies there is looked for: that has been built as a rule, and is quick to read.
    """
    found: dict[str, Row] = {}
    end_ms = search.end_ms
    for start_ms in _steps(search):
        source = await Source.of(store, hours, start_ms, end_ms)
        # Of several contents of one execution the newest is shown while no round has compared them: hence as
        # many are asked for as if none had been found.
        for row in await _ids(source, search, Span(start_ms, end_ms)):
            found.setdefault(row["id"], row)
        if len(found) > search.limit:
            break
        end_ms = start_ms
    return [*found.values()]


def _steps(search: Search) -> list[int]:
    """From when on (ms since the epoch) it is looked for first, then, and at last."""
    newest_ms = min(search.end_ms, search.now_ms)
    if search.cursor is not None:
        newest_ms = min(newest_ms, search.cursor.started_ms)
    near = _HOURS
    if search.schedule_id is not None:
        # What one schedule did of one level is a granule a day: quicker than to look twice.
        near = _HOURS_OF_ONE if search.level is None else ()
    starts_ms = [newest_ms - back * HOUR_MS for back in near if search.long]
    return [*(ms for ms in starts_ms if ms > search.start_ms), search.start_ms]


async def _ids(source: Source, search: Search, span: Span) -> list[Row]:
    """At most one more than the page has of the span, the newest first."""
    condition, params = search.condition()
    if search.level is not None:
        params["level"] = search.level
    columns = ("analytics_id", "started_processing_at")
    rows = source.rows(span, columns, condition, levelled=search.level is not None)
    return await source.select(
        f"SELECT toString(analytics_id) AS id, toUnixTimestamp64Milli(started_processing_at) AS started_ms "
        f"FROM {rows} ORDER BY started_processing_at DESC, UUIDToNum(analytics_id) DESC "
        "LIMIT 1 BY analytics_id LIMIT {limit:UInt32}",
        {**params, **span.params(), "limit": search.limit + 1},
    )


def _told(row: Row) -> dict[str, Any]:
    return {name: rfc3339(row[name]) if name in _TIMES else _text(row[name]) for name in FIELDS}


def _text(value: Any) -> Any:
    """Of a text that nobody has sent, null."""
    return None if value == "" else value
