"""Medians of the repeats, as JSON or as a table with ratios."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from statistics import median
from typing import Any, Final

from rich.table import Table

from bench.measuring import Figures

_PLACES: Final = {"events_per_s": 0}
_BASES: Final = ("aiokafka-raw", "plain-faust")


def medians(runs: Mapping[str, Sequence[Figures]]) -> dict[str, Figures]:
    """The median of each figure over the repeats of each peer."""
    return {name: _median(figures) for name, figures in runs.items()}


def as_json(results: Mapping[str, Figures]) -> dict[str, list[dict[str, Any]]]:
    """What `--json` prints."""
    return {"rows": [{"name": name, **asdict(figures)} for name, figures in results.items()]}


def as_table(results: Mapping[str, Figures]) -> Table:
    """A table for people; the ratios are of events/s."""
    table = Table(title="openride bench ingest")
    table.add_column("")
    bases = [base for base in _BASES if base in results]
    for heading in ("events/s", "CPU µs/event", "peak MiB", "p50 ms", "p95 ms", "p99 ms"):
        table.add_column(heading, justify="right")
    for base in bases:
        table.add_column(f"× {base}", justify="right")
    for name, figures in results.items():
        shown = [_text(value, _PLACES.get(field, 1)) for field, value in asdict(figures).items()]
        ratios = [f"{figures.events_per_s / results[base].events_per_s:.2f}" for base in bases]
        table.add_row(name, *shown, *ratios)
    return table


def as_answers(found: Mapping[str, Any]) -> Table:
    """What `openride bench query` found, for people; milliseconds."""
    rate = f"{found['cache_hit_rate']:.1%} of a mix of dashboards came from the cache"
    table = Table(title=f"openride bench query, {found['events']:,} events", caption=rate)
    names = [*found["rows"][0]]
    for name in names:
        heading = "" if name == "name" else name.replace("_ms", "").replace("_", " ")
        table.add_column(heading, justify="left" if name == "name" else "right")
    for row in found["rows"]:
        table.add_row(*[str(row[name]).removeprefix("/v1/") for name in names])
    return table


def as_schedules(found: Mapping[str, Any]) -> Table:
    """What `openride bench schedules` found, for people; milliseconds."""
    table = Table(title=f"openride bench schedules, {found['executions']:,} executions")
    if "ingest" in found:
        ingest = found["ingest"]
        table.caption = (
            f"{ingest['executions_per_s']:,} executions/s in, {ingest['cpu_us_per_execution']} µs of CPU each"
        )
    names = [*found["rows"][0]]
    for name in names:
        heading = "" if name == "name" else name.replace("_ms", "").replace("_", " ")
        table.add_column(heading, justify="left" if name == "name" else "right")
    for row in found["rows"]:
        table.add_row(*[str(row[name]).removeprefix("/v1/schedule-analytics/") for name in names])
    return table


def as_comparison(found: Sequence[Mapping[str, Any]]) -> Table:
    """Endpoints beside the same questions asked of `events_raw`, for people."""
    table = Table(title="The same asked of events_raw", caption="thirty days, nothing kept, medians of three")
    table.add_column("")
    for heading in ("endpoint ms", "events_raw ms", "ratio"):
        table.add_column(heading, justify="right")
    for row in found:
        figures = (f"{row['endpoint_ms']:,.1f}", f"{row['naive_ms']:,.1f}", f"{row['ratio']:,.1f}")
        table.add_row(row["name"].removeprefix("/v1/"), *figures)
    return table


def _median(figures: Sequence[Figures]) -> Figures:
    middles: dict[str, Any] = {}
    for field in fields(Figures):
        values = [value for one in figures if (value := getattr(one, field.name)) is not None]
        middles[field.name] = round(median(values), 1) if values else None
    return Figures(**middles)


def _text(value: float | None, places: int) -> str:
    return "–" if value is None else f"{value:,.{places}f}"
