"""The options that the commands share, and what they mean."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from openride_stream.cli.moments import EXAMPLES, Moment
from openride_stream.embedded.here import hint_when_away, nothing_here
from openride_stream.errors import ConfigurationError
from openride_stream.events.topics import BY_NAME
from openride_stream.kafka.dlq.selection import Selection
from openride_stream.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

TOPIC = click.Choice(list(BY_NAME))
AS_JSON = click.option("--json", "json_", is_flag=True, help="Print JSON.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters the command line means."""

    topics: tuple[str, ...]
    errors: tuple[str, ...]
    event_types: tuple[str, ...]
    since_ms: int | None
    until_ms: int | None

    def selection(self, settings: Settings) -> Selection:
        """The conditions besides the topic.

        Raises:
            ConfigurationError: there is no key to mask with.
        """
        return Selection(
            self.errors,
            self.event_types,
            self.since_ms,
            self.until_ms,
            masking_key(settings),
            settings.max_record_bytes,
        )


def masking_key(settings: Settings) -> bytes:
    """The key of pseudonyms.

    Raises:
        ConfigurationError: it is not set, so nothing can be masked and nothing is shown.
    """
    key = settings.pii_key.get_secret_value().encode()
    if not key:
        if (nothing := nothing_here(settings)) is not None:
            message = f"{nothing}, and OPENRIDE_PII_KEY to their workers' key"
            raise ConfigurationError(message)
        message = (
            "OPENRIDE_PII_KEY is not set: dead letters are shown masked, and that needs the workers' key"
            + hint_when_away()
        )
        raise ConfigurationError(message)
    return key


def filters(function: Command) -> Command:
    """Add the filters; the command is called with `wanted`."""
    options: Sequence[Callable[[Any], Any]] = (
        click.option("--topic", "topics", type=TOPIC, multiple=True, metavar="TOPIC", help="Source topic."),
        click.option("--error", "errors", multiple=True, metavar="CLASS", help="Error class: InvalidField …"),
        click.option("--type", "event_types", multiple=True, metavar="TYPE", help="Event type."),
        click.option("--since", "since_ms", type=Moment(), help=f"Dead-lettered then or later: {EXAMPLES}."),
        click.option("--until", "until_ms", type=Moment(), help="Dead-lettered before then."),
    )

    def called(
        *,
        topics: tuple[str, ...],
        errors: tuple[str, ...],
        event_types: tuple[str, ...],
        since_ms: int | None,
        until_ms: int | None,
        **rest: Any,
    ) -> Any:
        return function(wanted=Wanted(topics, errors, event_types, since_ms, until_ms), **rest)

    called.__doc__ = function.__doc__
    called.__name__ = function.__name__
    called.__click_params__ = list(getattr(function, "__click_params__", []))  # type: ignore[attr-defined]
    for option in reversed(options):
        option(called)
    return called  # type: ignore[return-value]
