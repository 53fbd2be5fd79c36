"""What is in a report: figures beside those of the period before, tables, and series by day."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from pydantic import BaseModel

from openride_stream.api.choices import ReportType
from openride_stream.api.figures import Bookings, Payments, Trips, Users
from openride_stream.api.rankings import Distribution
from openride_stream.clickhouse.queries.bookings import bookings
from openride_stream.clickhouse.queries.drivers import drivers
from openride_stream.clickhouse.queries.payments import payments
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.trips import trips
from openride_stream.clickhouse.queries.users import users
from openride_stream.clickhouse.reader import Reader
from openride_stream.sheets.sections import Block, Form, Section, form_of

Figures = Callable[[Reader, Question], Awaitable[dict[str, Any]]]

_METRICS: Final[Mapping[str, tuple[Figures, type[BaseModel], str]]] = {
    "Users": (users, Users, "Active users"),
    "Bookings": (bookings, Bookings, "Bookings created"),
    "Payments": (payments, Payments, "Payments initiated"),
    "Trips": (trips, Trips, "Trips started"),
}
_DRIVERS: Final = "Drivers"
_SECTIONS: Final[Mapping[ReportType, Sequence[str]]] = {
    "user_metrics": ("Users",),
    "booking_metrics": ("Bookings",),
    "payment_metrics": ("Payments",),
    "trip_metrics": ("Trips",),
    "driver_earnings": (_DRIVERS,),
    "comprehensive": (*_METRICS, _DRIVERS),
}
_FIGURES: Final = ("Figure", "Value", "Period before", "Change %", "Meaning")
_DRIVER_COLUMNS: Final = ("Driver", "Trips", "Earnings", "Average per trip", "Kilometres", "Active days")
_DRIVER_FORMS: Final[Sequence[Form]] = ("", "whole", "money", "money", "average", "whole")


@dataclass(frozen=True, slots=True)
class Asked:
    """A range, that before it, what they are of, and how many drivers are listed."""

    question: Question
    before: Question
    drivers: int
    told: str


def lists_drivers(kind: ReportType) -> bool:
    """Whether a report of this type has a list of drivers."""
    return _DRIVERS in _SECTIONS[kind]


async def contents(reader: Reader, kind: ReportType, asked: Asked) -> list[Section]:
    """The sections of a report of this type; every figure is what the API answers for the range."""
    return list(await asyncio.gather(*(_section(reader, name, asked) for name in _SECTIONS[kind])))


def rows_in(sections: Sequence[Section]) -> int:
    """How many figures and rows of tables there are."""
    return sum(len(block.rows) for section in sections for block in section.blocks)


async def _section(reader: Reader, name: str, asked: Asked) -> Section:
    daily = replace(asked.question, granularity="daily")
    if name == _DRIVERS:
        return await _drivers(reader, daily, asked)
    ask, model, counted = _METRICS[name]
    answer, before = await asyncio.gather(ask(reader, daily), ask(reader, asked.before))
    blocks = [_compared("Figures", model, answer, before)]
    if by_method := answer.get("by_method"):
        rows = [tuple(row.values()) for row in by_method]
        blocks.append(
            Block("By method", ("Payment method", "Payments", "Revenue"), rows, ("", "whole", "money"))
        )
    return Section(name, asked.told, blocks, _series(counted, answer))


async def _drivers(reader: Reader, daily: Question, asked: Asked) -> Section:
    answer, before = await asyncio.gather(
        drivers(reader, daily, asked.drivers, "earnings"), drivers(reader, asked.before, 1, "earnings")
    )
    table = [tuple(driver.values()) for driver in answer["drivers"]]
    blocks = [
        _compared("Earnings of all drivers", Distribution, answer["distribution"], before["distribution"]),
        Block(f"The first {asked.drivers} drivers by earnings", _DRIVER_COLUMNS, table, _DRIVER_FORMS),
    ]
    return Section(_DRIVERS, asked.told, blocks, _series("Trips completed", answer))


def _compared(title: str, model: type[BaseModel], answer: dict[str, Any], before: dict[str, Any]) -> Block:
    rows: list[tuple[Any, ...]] = []
    forms: list[Sequence[Form]] = []
    for name, field in model.model_fields.items():
        if name not in answer or isinstance(answer[name], list):
            continue
        meaning = field.description or ""
        label = name.replace("_", " ").capitalize()
        rows.append((label, answer[name], before[name], change(answer[name], before[name]), meaning))
        form = form_of(answer[name], meaning)
        forms.append(("", form, form, "average", ""))
    return Block(title, _FIGURES, rows, ("", "", "", "", ""), forms)


def change(value: Any, before: Any) -> str | None:
    """Per cent by which a figure has changed, two places, half up; None where there was nothing before."""
    now, then = Decimal(str(value)), Decimal(str(before))
    if then == 0:
        return None
    return str(((now - then) / abs(then) * 100).quantize(Decimal("0.01"), ROUND_HALF_UP))


def _series(title: str, answer: dict[str, Any]) -> Block:
    days = [(datetime.fromisoformat(point["timestamp"]), point["value"]) for point in answer["time_series"]]
    return Block(f"{title} by day (UTC)", ("Day (UTC)", title), days, ("date", "whole"))
