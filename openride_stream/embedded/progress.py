"""What a person sees of a stack that comes up: a live line on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from openride_stream.embedded.addresses import Addresses
from openride_stream.embedded.keeper import News

_MARKS: Final = {
    "ready": "[green]✓[/]",
    "finished": "[green]✓[/]",
    "died": "[red]✗[/]",
    "restarting": "[yellow]↻[/]",
}


class Progress:
    """Prints what happens to the children; `status` is the terminal's live line, None elsewhere."""

    def __init__(self, console: Console, status: Status | None) -> None:
        self._console = console
        self._status = status
        self._starting: list[str] = []
        self._began_s = time.monotonic()
        self._stopping = False

    def tell(self, news: News) -> None:
        """One thing that happened."""
        if news.what == "starting":
            self._starting.append(news.name)
        elif news.name in self._starting:
            self._starting.remove(news.name)
        if news.what in _MARKS:
            self._print(f"{_MARKS[news.what]} {_sentence(news)}")
        elif news.what == "stopped" and not self._stopping:
            self._stopping = True
            self._print("Stopping …")
        self._refresh()

    def up(self, addresses: Addresses, data_dir: Path) -> None:
        """All is up: where to look."""
        took_s = time.monotonic() - self._began_s
        self._print(f"[bold]OpenRide Stream is up[/] after {took_s:.1f} s")
        for number, url in enumerate(addresses.web, start=1):
            what = "Dashboard" if number == 1 else f"Worker {number}"
            self._print(f"  {what:<11} [link={url}]{url}[/link]")
        self._print(f"  {'API':<11} {addresses.web[0]}/v1/metrics/bookings")
        self._print(f"  {'Kafka':<11} {addresses.kafka}")
        self._print(f"  {'ClickHouse':<11} {addresses.clickhouse}")
        self._print(f"  {'Logs':<11} {data_dir / 'logs'}")
        self._print("Ctrl-C stops everything.")

    def warn(self, sentence: str) -> None:
        """Something that is not as the user may think."""
        self._print(f"[yellow]![/] {escape(sentence)}")

    def stopped(self) -> None:
        """All is down again."""
        self._print("Stopped.")

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)

    def _refresh(self) -> None:
        if self._status is None:
            return
        if self._starting:
            self._status.update(f"Starting {', '.join(self._starting)} …")
            self._status.start()
        else:
            self._status.stop()


@contextmanager
def open_progress(console: Console | None = None) -> Iterator[Progress]:
    """Progress on `console` (standard output by default)."""
    console = console or Console()
    status = console.status("Starting …") if console.is_terminal else None
    try:
        yield Progress(console, status)
    finally:
        if status is not None:
            status.stop()


def _sentence(news: News) -> str:
    detail = escape(news.detail)
    if news.what in {"ready", "finished"}:
        return f"{news.name} {news.what} after {news.took_s:.1f} s"
    if news.what == "died":
        return f"{news.name} ended with {detail}"
    return f"{news.name} restarts: {detail}"
