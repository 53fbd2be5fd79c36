"""Distinct executions with what their updates made of them: all that answers about schedules are made from.

Field by field the newest record timestamp wins, of one millisecond an update over the execution and then the
larger event_id. What no record carries follows from the others: the level from the result, the time that
processing took from its start and its end.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from openride_stream.events.schedules import CARRIED

KEPT: Final = (
    "analytics_id",
    "schedule_type",
    "schedule_id",
    "event_type",
    "event_action",
    "correlation_id",
    "scheduled_at",
    "started_processing_at",
)
"""Fields that no update changes."""

EARLY_MS: Final = 2 * 86_400_000
"""An update that was written longer than this before the start of the execution changes nothing.

Else all that ever came would have to be looked at. An execution starts a day after its record at the latest.
"""

WAITED: Final = "waited"
"""Time in the queue of an execution's own tier (ms): one of three fields, by the tier."""
QUEUES: Final[Mapping[str, str]] = {
    "mongo_periodic": "time_in_mongo_queue_ms",
    "clickhouse_delayed": "time_in_clickhouse_queue_ms",
    "redis_immediate": "time_in_redis_queue_ms",
}
"""Of each tier the field that says how long an execution waited in the tier's own queue."""

_TIME: Final = "total_processing_time_ms"
_NEEDS: Final = {"level": ("execution_result",), _TIME: ("completed_at",)}
"""What a field follows from when nobody has sent it."""
_STARTED: Final = "started_processing_at"
# No index knows it: to look a hundred thousand ids up in one for each granule takes longer than to read.
_NUMBER: Final = "reinterpretAsUInt128(analytics_id)"


def executions(
    database: str,
    condition: str,
    columns: Sequence[str],
    *,
    since: str = "{start:Int64}",
    levelled: bool = False,
) -> str:
    """A subquery of the executions that meet `condition`, with `columns` of `KEPT`, `CARRIED` and `WAITED`.

    `condition` is our own SQL over `KEPT` fields: what an update may change is filtered outside.
    Nothing that meets it started before `since`, SQL of a number (ms since the epoch). `levelled` are only
    those that may be of the level `{level:String}`, which spares reading the others.
    """
    changing = [
        name for name in CARRIED if name in columns or any(name in _NEEDS.get(c, ()) for c in columns)
    ]
    waited = WAITED in columns
    kept = [
        name
        for name in KEPT
        if name in {*columns, "analytics_id", _STARTED} or (waited and name == "schedule_type")
    ]
    late_enough = f"event_timestamp >= fromUnixTimestamp64Milli({since} - {EARLY_MS}, 'UTC')"
    if levelled:
        condition = f"({condition}) AND (level = {{level:String}} OR {_relevelled(database, late_enough)})"
    if not changing and not waited:
        return f"(SELECT {', '.join(columns)} FROM ({_stored(database, condition, columns)}))"
    own = (*kept, *changing, "carried", *(_OWN_WAIT if waited else ()), *_SINCE)
    stored = _stored(database, condition, own)
    changed = [*changing, *(QUEUES.values() if waited else ())]
    updates = (
        f"SELECT analytics_id, {', '.join(map(_newest, changed))} FROM (SELECT analytics_id, carried, "
        f"{', '.join(changed)}, record_timestamp AS at, UUIDToNum(event_id) AS number "
        f"FROM {database}.schedule_updates FINAL "
        f"WHERE {late_enough} AND {counted_by(database, 'event_id')}) GROUP BY analytics_id"
    )
    shown = ", ".join(
        [*(f"e.{name} AS {name}" for name in kept), *map(_merged, changing), *([_WAITED] if waited else [])]
    )
    return (
        f"(SELECT {', '.join(columns)} FROM (SELECT {shown} FROM ({stored}) AS e "
        f"LEFT ANY JOIN ({updates}) AS u ON e.analytics_id = u.analytics_id))"
    )


def _stored(database: str, condition: str, columns: Sequence[str]) -> str:
    """Distinct rows as they are stored.

    What stands in PREWHERE is looked at before rows of one execution are collapsed. That is the same for
    the same content sent again; of other contents `superseded_events` knows.
    """
    return (
        f"SELECT {', '.join(columns)} FROM {database}.schedule_executions FINAL PREWHERE {condition} "
        f"WHERE {counted_by(database, 'analytics_id')}"
    )


def _relevelled(database: str, late_enough: str) -> str:
    """SQL condition: an update may have changed the level, itself or by the result."""
    bits = sum(1 << CARRIED.index(name) for name in ("level", "execution_result"))
    return (
        f"{_NUMBER} IN (SELECT {_NUMBER} FROM {database}.schedule_updates "
        f"WHERE {late_enough} AND bitAnd(carried, {bits}) != 0)"
    )


def counted_by(database: str, identity: str) -> str:
    """As `distinct.counted`, of rows whose event_id goes by the name `identity`."""
    return f"({identity}, precedence) NOT IN (SELECT event_id, precedence FROM {database}.superseded_events)"


def _newest(name: str) -> str:
    return f"maxIf(at, {_own(name)}) AS {name}_at, argMaxIf({name}, (at, number), {_own(name)}) AS {name}_new"


def _own(name: str) -> str:
    return f"bitTest(carried, {CARRIED.index(name)})"


def _by_tier(values: Iterable[str], tier: str = "schedule_type") -> str:
    """SQL of the one of three values that is of the tier."""
    chosen = [f"{tier} = '{name}', {value}" for name, value in zip(QUEUES, values, strict=True)]
    return f"multiIf({', '.join(chosen)}, NULL)"


# Each expression is short, and none holds another one twice: to plan a statement takes longer than to run it.
_EARLY: Final = f"{_STARTED} - toIntervalMillisecond({EARLY_MS})"
_SINCE: Final = (f"{_EARLY} AS early", f"greatest(record_timestamp, {_EARLY}) AS own_at")
"""From when on an update says what the execution does not carry, and what it does."""
_OWN_WAIT: Final = (
    f"{_by_tier(QUEUES.values())} AS {WAITED}",
    f"{_by_tier(map(_own, QUEUES.values()))} AS waits",
)


def _is_newer(name: str) -> str:
    # Who has no update has one of 1970.
    return f"u.{name}_at >= if({_own(name)}, e.own_at, e.early)"


def _value(name: str) -> str:
    """SQL of what the records say of a field of `e` and `u`."""
    return f"if({_is_newer(name)}, u.{name}_new, e.{name})"


_UPDATED_AT, _UPDATED = (
    _by_tier([f"u.{name}_{what}" for name in QUEUES.values()], "e.schedule_type") for what in ("at", "new")
)
_WAITED: Final = f"if({_UPDATED_AT} >= if(e.waits, e.own_at, e.early), {_UPDATED}, e.{WAITED}) AS {WAITED}"


def _merged(name: str) -> str:
    if name == "level":
        result = f"toString({_value('execution_result')})"
        implied = (
            f"transform({result}, ['failure', 'timeout', 'retry'], ['error', 'error', 'warning'], 'info')"
        )
        said = f"{_is_newer(name)}, toString(u.level_new), {_own(name)}, toString(e.level)"
        return f"multiIf({said}, {implied}) AS level"
    if name == _TIME:
        ended = f"toUnixTimestamp64Milli(assumeNotNull({_value('completed_at')}))"
        took = f"toUInt64(greatest(0, {ended} - toUnixTimestamp64Milli(e.{_STARTED})))"
        said = f"{_is_newer(name)}, u.{_TIME}_new, {_own(name)}, e.{_TIME}"
        return f"assumeNotNull(multiIf({said}, {took})) AS {_TIME}"
    return f"{_value(name)} AS {name}"
