"""What `/v1/schedule-analytics/…` has to say, by plain loops over the records as they were sent."""

import base64
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Any

from tests.reference.arithmetic import half_up, mean, quantile, rate
from tests.reference.moments import event_ms, to_ms
from tests.reference.realtime import TIERS

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
KEPT = (
    *("analytics_id", "schedule_type", "schedule_id", "schedule_name", "level"),
    *("event_type", "event_action", "event_entity_id", "correlation_id"),
    *("scheduled_at", "started_processing_at", "completed_at"),
    *("execution_result", "retry_count", "error_message"),
    *("time_in_mongo_queue_ms", "time_in_clickhouse_queue_ms", "time_in_redis_queue_ms"),
    *("total_processing_time_ms", "kafka_publish_time_ms", "processed_by_node"),
    *("kafka_topic", "kafka_partition", "kafka_offset"),
    *("source_mongo_execution_id", "source_clickhouse_id", "source_redis_key"),
)
TIMES = ("scheduled_at", "started_processing_at", "completed_at")
NEVER_UPDATED = (
    *("analytics_id", "schedule_type", "schedule_id", "event_type", "event_action", "correlation_id"),
    *("scheduled_at", "started_processing_at"),
)
HOPS = ("mongo_periodic", "clickhouse_delayed", "redis_immediate", "execution")
TIER_OF = dict(
    zip(
        ("openride.schedules.mongo", "openride.schedules.clickhouse", "openride.schedules.redis"),
        TIERS,
        strict=True,
    )
)
Execution = dict[str, Any]


@dataclass(frozen=True)
class Record:
    body: dict[str, Any]
    digest: bytes
    written_ms: int
    tier: str


class Schedules:
    """Accepted records in any order."""

    def __init__(self) -> None:
        self._records: list[Record] = []

    def add(self, topic: str, value: bytes, written_ms: int) -> None:
        """A record of one of the three topics, written at `written_ms`."""
        body = {name: found for name, found in json.loads(value).items() if found is not None}
        self._records.append(Record(body, hashlib.sha256(value).digest(), written_ms, TIER_OF[topic]))

    def executions(self) -> list[Execution]:
        """Distinct executions as their updates left them; times in milliseconds."""
        bases = _distinct((r for r in self._records if not r.body.get("update")), "analytics_id")
        updates = defaultdict(list)
        changes = (r for r in self._records if r.body.get("update"))
        for change in _distinct(changes, "event_id").values():
            updates[change.body["analytics_id"].lower()].append(change)
        return [_merged(identity, base, updates[identity]) for identity, base in bases.items()]

    def answer(self, path: str, asked: Mapping[str, str], now_ms: int) -> dict[str, Any]:
        """What `GET /v1/schedule-analytics/{path}?asked` must answer at `now_ms`."""
        found = self.executions()
        kind, _, rest = path.partition("/")
        until_ms = (now_ms // MINUTE_MS + 1) * MINUTE_MS
        if kind in ("time-range", "queue-times"):
            until_ms = to_ms(asked["end_time"]) if "end_time" in asked else until_ms
            since_ms = to_ms(asked["start_time"]) if "start_time" in asked else until_ms - 24 * HOUR_MS
        else:
            since_ms = until_ms - HOUR_MS * int(asked.get("hours_back", 1 if kind == "health" else 24))
        here = _within(found, since_ms, until_ms)
        span = {"start_time": moment(since_ms), "end_time": moment(until_ms)}
        before = _within(found, 2 * since_ms - until_ms, since_ms)
        if kind in ("schedule", "level", "event-type"):
            name = {"schedule": "schedule_id", "level": "level", "event-type": "event_type"}[kind]
            return _page(found, asked | {name: rest})
        if kind == "time-range":
            return _page(here, asked)
        if kind == "queue-times":
            return {"time_range": span, "tiers": {tier: _waits(here, tier) for tier in TIERS}}
        if kind == "stats":
            here = [e for e in here if e["schedule_id"] == asked.get("schedule_id", e["schedule_id"])]
            return _stats(here, until_ms - since_ms)
        if kind == "errors":
            return _errors(here, before, span)
        if kind == "performance":
            return _performance(here, rest.removeprefix("schedule/"), since_ms, until_ms, span)
        return _health(found, here, before, span, now_ms)


def moment(ms: int) -> str:
    text = datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{ms % 1000:03d}Z"


def masked(message: str) -> str:
    """The message without its variable parts."""
    if not message:
        return "(no message)"
    text = message[:500]
    word = r"[0-9A-Za-z]*[0-9][0-9A-Za-z]*"
    for pattern, mask in (
        (r'"[^"]*"', '"<text>"'),
        (r"[A-Za-z][A-Za-z0-9+.-]*://[^ \t\r\n]+", "<url>"),
        (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+", "<email>"),
        (r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", "<id>"),
        (r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]+)?", "<address>"),
        (r"[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){3,7}", "<address>"),
        (rf"{word}(?:[.,:][0-9]+)*", "<n>"),
    ):
        text = re.sub(pattern, mask, text)
    return text


def _distinct(records: Iterable[Record], identity: str) -> dict[str, Record]:
    """Of several contents the smallest digest, of the same content the one written first."""
    kept: dict[str, Record] = {}
    for record in records:
        name = record.body[identity].lower()
        if name not in kept or _order(record) < _order(kept[name]):
            kept[name] = record
    return kept


def _order(record: Record) -> tuple[bytes, int]:
    return record.digest, record.written_ms


def _merged(identity: str, base: Record, updates: list[Record]) -> Execution:
    body = {"execution_result": "success", **base.body}
    merged: Execution = {name: body.get(name) for name in NEVER_UPDATED}
    merged |= {"analytics_id": identity, "schedule_type": base.tier}
    started_ms = event_ms(merged["started_processing_at"])
    # An update from more than two days before the start is nobody's.
    updates = [change for change in updates if change.written_ms >= started_ms - 48 * HOUR_MS]
    for name in KEPT:
        if name in NEVER_UPDATED:
            continue
        said = [(base.written_ms, False, "", body[name])] if name in body else []
        said += [
            (change.written_ms, True, change.body["event_id"].lower(), change.body[name])
            for change in updates
            if name in change.body
        ]
        merged[name] = max(said, key=lambda each: each[:3])[3] if said else None
    for name in TIMES:
        if merged[name] is not None:
            merged[name] = event_ms(merged[name])
    if merged["completed_at"] is None:
        merged["completed_at"] = base.written_ms
    if merged["total_processing_time_ms"] is None:
        took_ms = merged["completed_at"] - merged["started_processing_at"]
        merged["total_processing_time_ms"] = max(0, took_ms)
    if merged["level"] is None:
        implied = {"failure": "error", "timeout": "error", "retry": "warning"}
        merged["level"] = implied.get(merged["execution_result"], "info")
    return merged


def _within(found: list[Execution], since_ms: int, until_ms: int) -> list[Execution]:
    return [each for each in found if since_ms <= each["started_processing_at"] < until_ms]


def _page(found: list[Execution], asked: Mapping[str, str]) -> dict[str, Any]:
    filters = ("schedule_id", "level", "event_type", "schedule_type")
    chosen = [e for e in found if all(e[name] == asked[name] for name in filters if name in asked)]
    chosen.sort(key=_newest, reverse=True)
    limit = int(asked.get("limit", 100))
    last = chosen[limit - 1] if len(chosen) > limit else None
    return {
        "executions": [_told(each) for each in chosen[:limit]],
        "next_cursor": _cursor(last) if last else None,
    }


def _newest(each: Execution) -> tuple[int, str]:
    return each["started_processing_at"], each["analytics_id"]


def _cursor(each: Execution) -> str:
    text = f"{each['started_processing_at']}.{each['analytics_id']}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _told(each: Execution) -> dict[str, Any]:
    return {
        name: moment(each[name]) if name in TIMES else (None if each[name] == "" else each[name])
        for name in KEPT
    }


def _durations(values: Iterable[int | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    shares = {"p50_ms": (1, 2), "p95_ms": (19, 20), "p99_ms": (99, 100)}
    return {
        "count": len(known),
        "avg_ms": float(half_up(mean(known))),
        **{name: float(half_up(quantile(known, Fraction(*share)))) for name, share in shares.items()},
        "max_ms": max(known, default=0),
    }


def _waits(found: list[Execution], tier: str) -> dict[str, Any]:
    return _durations(each[TIERS[tier]] for each in found if each["schedule_type"] == tier)


def _count(found: list[Execution], name: str, *values: str) -> int:
    return sum(each[name] in values for each in found)


def _success(found: list[Execution]) -> float:
    succeeded = _count(found, "execution_result", "success")
    return rate(succeeded, succeeded + _count(found, "execution_result", "failure", "timeout"))


def _errors_of(found: list[Execution]) -> list[Execution]:
    return [each for each in found if each["level"] == "error"]


def _took(found: list[Execution]) -> list[int]:
    return [each["total_processing_time_ms"] for each in found]


def _stats(found: list[Execution], span_ms: int) -> dict[str, Any]:
    return {
        "total_records": len(found),
        "info_count": _count(found, "level", "info"),
        "warning_count": _count(found, "level", "warning"),
        "error_count": _count(found, "level", "error"),
        "avg_execution_time_ms": float(half_up(mean(_took(found)))),
        "avg_queue_time_ms": {tier: _waits(found, tier)["avg_ms"] for tier in TIERS},
        "success_rate": _success(found),
        "throughput_per_hour": float(half_up(Fraction(len(found) * HOUR_MS, span_ms))),
        "most_common_errors": [
            {name: pattern[name] for name in ("pattern", "count", "example")}
            for pattern in _patterns(found, [])[:10]
        ],
    }


def _patterns(here: list[Execution], before: list[Execution]) -> list[dict[str, Any]]:
    earlier = Counter(masked(each["error_message"] or "") for each in _errors_of(before))
    groups = defaultdict(list)
    for each in sorted(_errors_of(here), key=_newest):
        groups[masked(each["error_message"] or "")].append(each)
    told = [
        {
            "pattern": pattern,
            "count": len(group),
            "previous_count": earlier[pattern],
            "change_percent": float(
                half_up(Fraction(100 * (len(group) - earlier[pattern]), earlier[pattern]))
            )
            if earlier[pattern]
            else None,
            "first_seen": moment(group[0]["started_processing_at"]),
            "last_seen": moment(group[-1]["started_processing_at"]),
            "tiers": sorted({each["schedule_type"] for each in group}),
            "schedules": len({each["schedule_id"] for each in group}),
            "example": group[-1]["error_message"] or "",
        }
        for pattern, group in groups.items()
    ]
    return sorted(told, key=lambda each: (-each["count"], each["pattern"].encode()))


def _most(counts: Mapping[str, int], limit: int) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0].encode()))[:limit])


def _errors(here: list[Execution], before: list[Execution], span: dict[str, str]) -> dict[str, Any]:
    errors = _errors_of(here)
    return {
        "total_errors": len(errors),
        "error_types": _most(Counter(each["execution_result"] for each in errors), 5),
        "schedule_errors": _most(Counter(each["schedule_id"] for each in errors), 100),
        "patterns": _patterns(here, before)[:50],
        "time_range": span,
    }


def _tier(found: list[Execution], tier: str) -> dict[str, Any]:
    own = [each for each in found if each["schedule_type"] == tier]
    return {
        "total_records": len(own),
        "success_count": _count(own, "execution_result", "success"),
        "failure_count": _count(own, "execution_result", "failure", "timeout"),
        "success_rate": _success(own),
        "error_count": len(_errors_of(own)),
        "retries": _count(own, "execution_result", "retry"),
        "queue_time": _waits(own, tier),
        "processing_time": _durations(_took(own)),
    }


def _performance(
    here: list[Execution], schedule_id: str, since_ms: int, until_ms: int, span: dict[str, str]
) -> dict[str, Any]:
    own = [each for each in here if each["schedule_id"] == schedule_id]
    hours = range(since_ms // HOUR_MS * HOUR_MS, until_ms, HOUR_MS)
    return {
        "schedule_id": schedule_id,
        "time_range": span,
        "total_records": len(own),
        "success_rate": _success(own),
        "error_count": len(_errors_of(own)),
        "retries": _count(own, "execution_result", "retry"),
        "max_retry_count": max((each["retry_count"] or 0 for each in own), default=0),
        "drift": _durations(each["started_processing_at"] - event_ms(each["due"]) for each in _due(own)),
        "tiers": {tier: _tier(own, tier) for tier in TIERS},
        "recent_errors": _page(_errors_of(own), {"limit": "10"})["executions"],
        "time_series": [_hour(_within(own, hour, hour + HOUR_MS), hour) for hour in hours],
    }


def _due(found: list[Execution]) -> list[Execution]:
    return [each | {"due": moment(each["scheduled_at"])} for each in found]


def _hour(found: list[Execution], hour_ms: int) -> dict[str, Any]:
    return {
        "timestamp": moment(hour_ms),
        "total_records": len(found),
        "error_count": len(_errors_of(found)),
        "success_rate": _success(found),
        "avg_execution_time_ms": float(half_up(mean(_took(found)))),
    }


def _health(
    found: list[Execution],
    here: list[Execution],
    before: list[Execution],
    span: dict[str, str],
    now_ms: int,
) -> dict[str, Any]:
    """By the thresholds that are the settings' defaults."""
    stuck = _stuck(_within(found, now_ms - 14 * 24 * HOUR_MS, now_ms), now_ms)
    tiers = {}
    for name in TIERS:
        own = _tier(here, name)
        missing = sum(each["schedule_type"] == name for each in stuck)
        tiers[name] = own | _verdict(own, missing)
    order = ("healthy", "degraded", "critical")
    return {
        "status": order[max(order.index(tier["status"]) for tier in tiers.values())],
        "reasons": [f"{name}: {reason}" for name, tier in tiers.items() for reason in tier["reasons"]],
        "time_range": span,
        "overall": _stats(here, to_ms(span["end_time"]) - to_ms(span["start_time"])),
        "error_patterns": _patterns(here, before)[:10],
        "tiers": tiers,
        "stuck_schedules": stuck,
        "end_to_end": _end_to_end(here),
    }


def _verdict(own: dict[str, Any], missing: int) -> dict[str, Any]:
    grave, reasons = [0], []
    share, waited = own["success_rate"], own["queue_time"]["p95_ms"]
    if own["success_count"] + own["failure_count"] and share < 95:
        grave.append(2 if share < 80 else 1)
        reasons.append(f"success_rate is {share:g} %, below {80 if share < 80 else 95}")
    if waited > 30_000:
        grave.append(2 if waited > 300_000 else 1)
        limit = 300_000 if waited > 300_000 else 30_000
        reasons.append(f"95 % wait up to {waited:g} ms in the queue, above {limit}")
    if missing:
        grave.append(1)
        reasons.append(f"{missing} schedule{'s' if missing > 1 else ''} expected and not seen")
    return {"status": ("healthy", "degraded", "critical")[max(grave)], "reasons": reasons}


def _stuck(found: list[Execution], now_ms: int) -> list[dict[str, Any]]:
    groups = defaultdict(list)
    for each in sorted(found, key=_newest):
        groups[each["schedule_id"]].append(each)
    told = []
    for name, known in groups.items():
        lately = _within(known, now_ms - 24 * HOUR_MS, now_ms)
        group = lately if len({each["scheduled_at"] for each in lately}) >= 4 else known
        times = sorted({each["scheduled_at"] for each in group})
        if len(times) < 4:
            continue
        gap = median(Fraction(b - a) for a, b in pairwise(times))
        silent_ms = now_ms - times[-1]
        if silent_ms > max(3 * gap, 60_000):
            told.append(
                {
                    "schedule_id": name,
                    "schedule_name": group[-1]["schedule_name"] or None,
                    "schedule_type": group[-1]["schedule_type"],
                    "last_scheduled_at": moment(times[-1]),
                    "expected_every_ms": float(half_up(gap)),
                    "silent_ms": silent_ms,
                    "last_node": group[-1]["processed_by_node"] or None,
                }
            )
    return sorted(told, key=lambda each: (each["last_scheduled_at"], each["schedule_id"].encode()))[:100]


def _end_to_end(found: list[Execution]) -> dict[str, Any]:
    chains = defaultdict(list)
    for each in found:
        chains[each["correlation_id"]].append(each)
    ways: list[list[int]] = []
    for chain in chains.values():
        tiers = {tier: [each for each in chain if each["schedule_type"] == tier] for tier in TIERS}
        if all(tiers.values()):
            due = min(each["scheduled_at"] for each in chain)
            starts = [min(each["started_processing_at"] for each in own) for own in tiers.values()]
            ended = max(each["completed_at"] for each in tiers["redis_immediate"])
            ways.append([due, *starts, ended])
    hop: Callable[[int], dict[str, Any]] = lambda n: _durations(way[n + 1] - way[n] for way in ways)  # noqa: E731
    hops = {name: hop(number) for number, name in enumerate(HOPS)}
    return {
        "chains": len(chains),
        "total_time": _durations(way[-1] - way[0] for way in ways),
        "hops": hops,
        "slowest_hop": max(HOPS, key=lambda name: hops[name]["p95_ms"]) if ways else None,
    }
