"""What is in a report: figures beside those of the period before, tables, and series by day of its zone."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from openride_stream.api.choices import ReportType
from openride_stream.api.rankings import Distribution, Driver
from openride_stream.clickhouse.queries.drivers import drivers
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.reader import Reader
from openride_stream.exports.figures import KINDS, method_block
from openride_stream.reports.asked import Asked
from openride_stream.sheets.sections import Block, Form, Section, form_of, title_of

_DRIVERS: Final = "Drivers"
_SECTIONS: Final[Mapping[ReportType, Sequence[str]]] = {
    "user_metrics": ("Users",),
    "booking_metrics": ("Bookings",),
    "payment_metrics": ("Payments",),
    "trip_metrics": ("Trips",),
    "driver_earnings": (_DRIVERS,),
    "comprehensive": (*KINDS, _DRIVERS),
}
_FIGURES: Final = ("Figure", "Value", "Period before", "Change %", "Meaning")
_DRIVER_FORMS: Final[Sequence[Form]] = ("", "whole", "money", "money", "average", "whole")


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
    if name == _DRIVERS:
        return await _drivers(reader, asked)
    ask, model, counted = KINDS[name]
    answer, before = await asyncio.gather(ask(reader, asked.question), ask(reader, asked.before))
    blocks = [_compared("Figures", model, answer, before, asked.question.currency)]
    if answer.get("by_method"):
        blocks.append(method_block(answer, asked.question.currency))
    return Section(name, asked.told, blocks, _series(counted, answer, asked.question))


async def _drivers(reader: Reader, asked: Asked) -> Section:
    question, currency = asked.question, asked.question.currency
    answer, before = await asyncio.gather(
        drivers(reader, question, asked.drivers, "earnings"), drivers(reader, asked.before, 1, "earnings")
    )
    titles = [title_of(Driver, name, currency) for name in Driver.model_fields]
    table = [tuple(driver.values()) for driver in answer["drivers"]]
    of_all = (Distribution, answer["distribution"], before["distribution"], currency)
    blocks = [
        _compared("Earnings of all drivers", *of_all),
        Block(f"The first {asked.drivers} drivers by earnings", titles, table, _DRIVER_FORMS),
    ]
    return Section(_DRIVERS, asked.told, blocks, _series("Trips completed", answer, question))


def _compared(
    title: str, model: type[BaseModel], answer: dict[str, Any], before: dict[str, Any], currency: str
) -> Block:
    rows: list[tuple[Any, ...]] = []
    forms: list[Sequence[Form]] = []
    names = [name for name in model.model_fields if name in answer and not isinstance(answer[name], list)]
    for name in names:
        meaning = model.model_fields[name].description or ""
        changed = change(answer[name], before[name])
        rows.append((title_of(model, name, currency), answer[name], before[name], changed, meaning))
        form = form_of(answer[name], meaning)
        forms.append(("", form, form, "average", ""))
    return Block(title, _FIGURES, rows, ("", "", "", "", ""), forms, names)


def change(value: Any, before: Any) -> str | None:
    """Per cent by which a figure has changed, two places, half up; None where there was nothing before."""
    now, then = Decimal(str(value)), Decimal(str(before))
    if then == 0:
        return None
    return str(((now - then) / abs(then) * 100).quantize(Decimal("0.01"), ROUND_HALF_UP))


def _series(title: str, answer: dict[str, Any], question: Question) -> Block:
    days = [(_day(point["timestamp"], question.zone), point["value"]) for point in answer["time_series"]]
    return Block(f"{title} by day ({question.zone})", ("Day", title), days, ("date", "whole"))


def _day(begins: str, zone: str) -> datetime:
    """The day of `zone` that begins then."""
    local = datetime.fromisoformat(begins).astimezone(ZoneInfo(zone))
    return datetime(local.year, local.month, local.day, tzinfo=UTC)
