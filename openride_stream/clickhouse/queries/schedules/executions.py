"""Distinct executions with what their updates made of them: all that answers about schedules are made from.

Field by field the newest record timestamp wins, of one millisecond an update over the execution and then the
larger event_id. What no record carries follows from the others: the level from the result, the time that
processing took from its start and its end.
"""

from collections.abc import Sequence
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
    """A subquery of the executions that meet `condition`, with `columns` of `KEPT` and `CARRIED`.

    `condition` is our own SQL over `KEPT` fields: what an update may change is filtered outside.
    Nothing that meets it started before `since`, SQL of a number (ms since the epoch). `levelled` are only
    those that may be of the level `{level:String}`, which spares reading the others.
    """
    changing = [
        name for name in CARRIED if name in columns or any(name in _NEEDS.get(c, ()) for c in columns)
    ]
    kept = [name for name in KEPT if name in {*columns, "analytics_id", _STARTED}]
    late_enough = f"event_timestamp >= fromUnixTimestamp64Milli({since} - {EARLY_MS}, 'UTC')"
    if levelled:
        condition = f"({condition}) AND (level = {{level:String}} OR {_relevelled(database, late_enough)})"
    if not changing:
        return f"(SELECT {', '.join(columns)} FROM ({_stored(database, condition, columns)}))"
    stored = _stored(database, condition, (*kept, *changing, "carried", "record_timestamp"))
    changes = ", ".join(_newest(name) for name in changing)
    updates = (
        f"SELECT analytics_id, {changes} FROM {database}.schedule_updates FINAL "
        f"WHERE {late_enough} AND {counted_by(database, 'event_id')} GROUP BY analytics_id"
    )
    shown = ", ".join([*(f"e.{name} AS {name}" for name in kept), *(_merged(name) for name in changing)])
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
    number = CARRIED.index(name)
    order = "(record_timestamp, UUIDToNum(event_id))"
    return (
        f"maxIf(record_timestamp, bitTest(carried, {number})) AS {name}_at, "
        f"argMaxIf({name}, {order}, bitTest(carried, {number})) AS {name}_new"
    )


def _value(name: str) -> str:
    """SQL of what the records say of a field of `e` and `u`."""
    newer = f"NOT {_own(name)} OR u.{name}_at >= e.record_timestamp"
    return f"if({_updated(name)} AND ({newer}), u.{name}_new, e.{name})"


def _own(name: str) -> str:
    return f"bitTest(e.carried, {CARRIED.index(name)})"


def _updated(name: str) -> str:
    # Who has no update has one of 1970. When the newest one is too early, all are.
    at = f"toUnixTimestamp64Milli(u.{name}_at)"
    return f"({at} > 0 AND {at} + {EARLY_MS} >= toUnixTimestamp64Milli(e.{_STARTED}))"


def _merged(name: str) -> str:
    said = f"{_own(name)} OR {_updated(name)}"
    if name == "level":
        result = f"toString({_value('execution_result')})"
        implied = (
            f"transform({result}, ['failure', 'timeout', 'retry'], ['error', 'error', 'warning'], 'info')"
        )
        return f"if({said}, toString({_value(name)}), {implied}) AS level"
    if name == _TIME:
        ended = f"toUnixTimestamp64Milli(assumeNotNull({_value('completed_at')}))"
        took = f"toUInt64(greatest(0, {ended} - toUnixTimestamp64Milli(e.{_STARTED})))"
        return f"assumeNotNull(if({said}, {_value(name)}, {took})) AS {_TIME}"
    return f"{_value(name)} AS {name}"
