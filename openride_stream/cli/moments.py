"""Times on the command line."""

import re
from datetime import UTC, datetime
from typing import Final

import click

from openride_stream.clock import SystemClock

EXAMPLES: Final = "2026-01-31T10:00:00Z, or 2h for two hours ago"
_AGO: Final = re.compile(r"(\d{1,6})(s|min|m|h|d)")
_UNIT_MS: Final = {"s": 1_000, "min": 60_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class Moment(click.ParamType):
    """An ISO 8601 time, UTC without an offset, or so long ago: 90s, 30min, 2h, 7d; in ms since the epoch."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the option's text."""
        if (ago := _AGO.fullmatch(value)) is not None:
            return SystemClock().now_ms() - int(ago[1]) * _UNIT_MS[ago[2]]
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value} is no time; write one such as {EXAMPLES}", param, ctx)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
