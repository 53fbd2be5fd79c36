"""Times on the command line."""

from datetime import UTC, datetime

import click


class Moment(click.ParamType):
    """An ISO 8601 time, UTC without an offset; in ms since the epoch."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the option's text."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value} is not an ISO 8601 time", param, ctx)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
