"""What a scheduler does when something is due, as SQL over the number of the due time (`c`)."""

from typing import Final

from openride_stream.clickhouse.queries.schedules.span import TIERS
from openride_stream.events.schedules import CARRIED

SCHEDULES: Final = 400
EXECUTIONS_A_CHAIN: Final = 3_105
"""In thousandths: three tiers, and what is tried again."""
NODES: Final = 6
EVENT_TYPES: Final = ("booking", "payment", "trip", "user", "location")
RARE_TYPE: Final = "settlement"
"""Of one schedule in all."""

_HOUR_MS: Final = 3_600_000
_MESSAGES: Final = (
    "'connection to 10.', toString({a} % 250), '.7.', toString({b} % 250), ':5223 timed out after ', "
    "toString(2000 + {a} % 3000), ' ms'",
    "'device token ', lower(hex({a})), ' is not registered'",
    "'no answer of push-gateway within ', toString(1000 + {b} % 9000), ' ms'",
    "'user ', toString(reinterpret(MD5(toString({a})), 'UUID')), ' has no device'",
    "'https://push.example.org/v1/send?id=', toString({b}), ' answered 503'",
    "'lock \"payout ', toString({b} % 90000), '\" is held by scheduler-', toString({a} % 9)",
)


def _drawn(name: str, *more: str) -> str:
    drawn = ", ".join(("c", *more, f"'{name}'"))
    return f"cityHash64({drawn})"


def chains(first: int, number: int, count: int, begin_ms: int, end_ms: int) -> str:
    """A subquery of what became of `number` due times from the number `first` on, a row an execution.

    One execution in forty of the first tiers and one try of `redis_immediate` in sixteen fails, three in
    five in one hour of sixty; in one hour of eighty the delay queue is jammed. One execution in fifty is
    updated seconds later, one in a thousand within a day.
    """
    due = f"toInt64({begin_ms} + intDiv(c * {end_ms - begin_ms}, {count}))"
    hour = f"intDiv({due}, {_HOUR_MS})"
    tier = ", ".join(f"('{name}', toUInt8(0))" for name in TIERS)
    fails = f"if(cityHash64({hour}, 'burst') % 60 = 0, 600, 62)"
    jam = f"if(cityHash64({hour}, 'jam') % 80 = 0, 30, 1)"
    return f"""
SELECT *, tries.1 AS tier, tries.2 AS try,
    multiIf(tier = 'mongo_periodic', wait0, tier = 'clickhouse_delayed', wait1, wait2) AS waited,
    due_ms + wait0 + if(tier = 'mongo_periodic', 0, wait1)
        + if(tier = 'redis_immediate', wait2 + try * 5000, 0) AS at_ms,
    toInt64(2 + {_drawn("took", "tier", "try")} % 150) AS took_ms,
    tier = 'redis_immediate' AND multiIf(try = 0, fails0, try = 1, fails1, fails2) AS failed,
    tier != 'redis_immediate' AND {_drawn("early", "tier")} % 40 = 0 AS lost,
    {_drawn("update", "tier", "try")} % 1000 AS fate,
    fate < 21 AS updated,
    at_ms + if(fate = 20, {_drawn("late", "tier")} % 86400000, 200 + {_drawn("soon", "tier")} % 20000)
        AS update_ms,
    concat(toString(c), tier, toString(try)) AS name
FROM
(
    SELECT c, {due} AS due_ms,
        toInt64(50 + {_drawn("wait0")} % 2950) AS wait0,
        toInt64(1000 + {_drawn("wait1")} % 8000) * {jam} AS wait1,
        toInt64(-120 * log((1 + {_drawn("wait2")} % 100000) / 100001)) AS wait2,
        {_drawn("fail0")} % 1000 < {fails} AS fails0, {_drawn("fail1")} % 1000 < {fails} AS fails1,
        {_drawn("fail2")} % 1000 < {fails} AS fails2,
        arrayConcat([{tier}], if(fails0, [('redis_immediate', toUInt8(1))], []),
            if(fails0 AND fails1, [('redis_immediate', toUInt8(2))], [])) AS every
    FROM (SELECT number AS c FROM numbers({first}, {number}))
) ARRAY JOIN every AS tries"""


def execution_columns() -> dict[str, str]:
    """Columns of `schedule_analytics` of executions, from rows of `chains`."""
    moment = "fromUnixTimestamp64Milli({}, 'UTC')"
    ended = moment.format("at_ms + took_ms")
    ended_badly = "failed, if(c % 3 = 0, 'timeout', 'failure'), lost, 'failure'"
    result = f"multiIf(failed AND try < 2, 'retry', {ended_badly}, 'success')"
    texts = ", ".join(
        f"concat({each.format(a='intDiv(cityHash64(name), 7)', b='intDiv(cityHash64(name), 1001)')})"
        for each in _MESSAGES
    )
    message = f"if(failed OR lost, [{texts}][1 + cityHash64(name) % {len(_MESSAGES)}], '')"
    usual = f"{list(EVENT_TYPES)}[1 + c % {SCHEDULES} % {len(EVENT_TYPES)}]"
    kind = f"if(c % {SCHEDULES} = 17, '{RARE_TYPE}', {usual})"
    queues = {
        f"time_in_{short}_queue_ms": f"if(tier = '{tier}', toNullable(toUInt64(waited)), NULL)"
        for short, tier in (
            ("mongo", "mongo_periodic"),
            ("clickhouse", "clickhouse_delayed"),
            ("redis", "redis_immediate"),
        )
    }
    own = (
        *("execution_result", "completed_at", "total_processing_time_ms"),
        *("schedule_name", "retry_count", "processed_by_node"),
    )
    columns = {
        "analytics_id": "reinterpret(MD5(name), 'UUID')",
        "event_id": "reinterpret(MD5(name), 'UUID')",
        "is_update": "false",
        "record_timestamp": ended,
        "event_timestamp": moment.format("at_ms"),
        "schedule_type": "tier",
        "schedule_id": f"concat('schedule ', toString(c % {SCHEDULES}))",
        "schedule_name": f"concat('Work ', toString(c % {SCHEDULES}))",
        "level": f"transform({result}, ['failure', 'timeout', 'retry'], "
        "['error', 'error', 'warning'], 'info')",
        "event_type": kind,
        "event_action": "'send'",
        "correlation_id": "toString(reinterpret(MD5(concat('chain ', toString(c))), 'UUID'))",
        "scheduled_at": moment.format("due_ms"),
        "started_processing_at": moment.format("at_ms"),
        "completed_at": ended,
        "execution_result": result,
        "retry_count": "toNullable(toUInt32(try))",
        "error_message": message,
        **queues,
        "total_processing_time_ms": "toUInt64(took_ms)",
        "processed_by_node": f"concat('scheduler-', toString(cityHash64(name) % {NODES}))",
        "carried": f"{_bits(*own)} + if(failed OR lost, {_bits('error_message')}, 0) + "
        f"transform(tier, {[*TIERS]}, {[_bits(name) for name in queues]}, 0)",
    }
    return columns | _place("analytics_id")


def update_columns() -> dict[str, str]:
    """Columns of `schedule_analytics` of updates: a second look at how it ended, and how long it took."""
    moment = "fromUnixTimestamp64Milli(update_ms, 'UTC')"
    columns = {
        "analytics_id": "reinterpret(MD5(name), 'UUID')",
        "event_id": "reinterpret(MD5(concat('update ', name)), 'UUID')",
        "is_update": "true",
        "record_timestamp": moment,
        "event_timestamp": moment,
        "schedule_type": "tier",
        "execution_result": "if(fate < 4, 'failure', if(failed, 'retry', 'success'))",
        "completed_at": moment,
        "error_message": "if(fate < 4, concat('found to have failed after ', toString(fate), ' s'), '')",
        "total_processing_time_ms": "toUInt64(update_ms - at_ms)",
        "carried": f"{_bits('execution_result', 'completed_at', 'total_processing_time_ms')} + "
        f"if(fate < 4, {_bits('error_message')}, 0)",
    }
    return columns | _place("event_id")


def _bits(*names: str) -> int:
    return sum(1 << CARRIED.index(name) for name in names)


def _place(identity: str) -> dict[str, str]:
    """A payload as long as a real one, and where it would have stood in Kafka."""
    pieces = (
        f"""'{{"schedule_id":"schedule ', toString(c % {SCHEDULES}), '","{identity}":"', name, """
        """'","at":', toString(at_ms)"""
    )
    return {
        "payload": f"""concat({pieces}, ',"took":', toString(took_ms), ',"padding":"{"x" * 200}"}}')""",
        "topic": "concat('openride.schedules.', splitByChar('_', tier)[1])",
        "partition": "c % 8",
        "offset": "c * 6 + try",
    }
