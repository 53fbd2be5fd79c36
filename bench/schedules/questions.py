"""What is asked about schedules: every endpoint that reads, over hours and days, often seen and seldom."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Final

from bench.query.asking import Params, Question
from bench.schedules.kinds import RARE_TYPE, SCHEDULES

BASE: Final = "/v1/schedule-analytics"
_HOURS: Final = (1, 3, 6, 12, 24, 48, 72, 96, 120, 144, 167, 168)
_DAY_HOURS: Final = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 23, 24)
_NAMED: Final = tuple(f"schedule {number * SCHEDULES // 12 + 7}" for number in range(12))


def questions(now: datetime) -> dict[str, list[Question]]:
    """The questions of each endpoint, by its path; `now` is the end of what is asked about."""
    now = now.astimezone(UTC)
    found = {
        "schedule/{schedule_id}": [
            *(_asked(f"schedule/{name}", limit="100") for name in _NAMED[:4]),
            *(
                _asked(f"schedule/{name}", level=level)
                for name, level in product(_NAMED[4:8], ("error", "warning"))
            ),
            _asked("schedule/nobody"),
        ],
        "time-range": [
            _asked("time-range", **_range(now, back, hours), **more)
            for (back, hours), more in product(
                ((0, 24), (1, 168), (100, 168), (400, 24)),
                ({}, {"level": "error"}, {"schedule_id": _NAMED[3]}, {"schedule_type": "redis_immediate"}),
            )
        ],
        "level/{level}": [
            _asked(f"level/{level}", **more)
            for level, more in product(
                ("info", "warning", "error"),
                (
                    {},
                    {"limit": "20"},
                    {"schedule_type": "redis_immediate"},
                    {"schedule_type": "mongo_periodic"},
                ),
            )
        ],
        "event-type/{event_type}": [
            _asked(f"event-type/{name}", **more)
            for name, more in product(
                ("booking", "payment", RARE_TYPE, "never seen"), ({}, {"level": "error"}, {"limit": "20"})
            )
        ],
        "queue-times": [
            _asked("queue-times", **_range(now, back, hours))
            for back, hours in product((0, 1, 30, 300), (6, 24, 168))
        ],
        "stats": [
            *(_asked("stats", hours_back=str(hours)) for hours in _HOURS),
            *(_asked("stats", hours_back="168", schedule_id=name) for name in _NAMED[:4]),
        ],
        "errors/patterns": [_asked("errors/patterns", hours_back=str(hours)) for hours in _HOURS],
        "performance/schedule/{schedule_id}": [
            _asked(f"performance/schedule/{name}", hours_back=str(hours))
            for name, hours in zip(_NAMED, _HOURS, strict=True)
        ],
        "health/system": [_asked("health/system", hours_back=str(hours)) for hours in _DAY_HOURS],
    }
    return {
        f"{BASE}/{path}": [replace(question, of=f"{BASE}/{path}") for question in asked]
        for path, asked in found.items()
    }


def _asked(path: str, **params: str) -> Question:
    return Question(f"{BASE}/{path}", params)


def _range(now: datetime, back_hours: int, hours: int) -> Params:
    end = now - timedelta(hours=back_hours)
    return {"start_time": (end - timedelta(hours=hours)).isoformat(), "end_time": end.isoformat()}
