"""Progress of a replay: a bar on a terminal, a line now and then elsewhere."""

import logging
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from openride_stream.clock import Clock, utc_from_ms

LOG = logging.getLogger(__name__)
LINE_EVERY_S: Final = 10.0
LOG_EVERY_S: Final = 60.0


class Meter(Protocol):
    """Is told how far a replay is."""

    def show(self, sent: int, at_ms: int) -> None:
        """`sent` records have gone out; the last one's event time is `at_ms`."""
        ...


class Bar:
    """Progress by event time, on standard error.

    `span_ms` is the first and the last event time expected, or None when the end is not known.
    """

    def __init__(self, clock: Clock, span_ms: tuple[int, int] | None, console: Console | None = None) -> None:
        self._clock = clock
        self._span_ms = span_ms
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("replay"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        total = span_ms[1] - span_ms[0] if span_ms else None
        self._task = self._progress.add_task("replay", total=total, text="")
        self._started_s = self._line_s = clock.monotonic_s()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, sent: int, at_ms: int) -> None:
        """Move the bar, or print a line when there is no terminal and the last one is old."""
        now_s = self._clock.monotonic_s()
        rate = sent / max(now_s - self._started_s, 0.001)
        text = f"{sent:,} sent, {rate:,.0f}/s, at {utc_from_ms(at_ms):%Y-%m-%d %H:%M} UTC"
        done_ms = max(0, at_ms - self._span_ms[0]) if self._span_ms else None
        self._progress.update(self._task, completed=done_ms, text=text)
        if not self._console.is_terminal and now_s - self._line_s >= LINE_EVERY_S:
            self._line_s = now_s
            self._console.print(text, highlight=False)


class LogMeter:
    """A log line now and then, for a replay that nobody watches."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logged_s = clock.monotonic_s()

    def show(self, sent: int, at_ms: int) -> None:
        """Log, when the last line is old."""
        now_s = self._clock.monotonic_s()
        if now_s - self._logged_s >= LOG_EVERY_S:
            self._logged_s = now_s
            LOG.info("replay: %s sent, at %s", f"{sent:,}", utc_from_ms(at_ms).isoformat(timespec="seconds"))
