"""The figures of a range, as the API answers them, in one Excel workbook: a sheet for each kind."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from typing import Any, Final

from pydantic import BaseModel

from openride_stream.api.figures import Bookings, MethodTotal, Payments, Trips, Users
from openride_stream.clickhouse.queries.bookings import bookings
from openride_stream.clickhouse.queries.payments import payments
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clickhouse.queries.trips import trips
from openride_stream.clickhouse.queries.users import users
from openride_stream.clickhouse.reader import Reader
from openride_stream.clock import rfc3339
from openride_stream.sheets.sections import Block, Section, figures_block, title_of

Figures = Callable[[Reader, Question], Awaitable[dict[str, Any]]]

KINDS: Final[Mapping[str, tuple[Figures, type[BaseModel], str]]] = {
    "Users": (users, Users, "Active users"),
    "Bookings": (bookings, Bookings, "Bookings created"),
    "Payments": (payments, Payments, "Payments initiated"),
    "Trips": (trips, Trips, "Trips started"),
}
"""Sheets of figures: who answers, with what, and what their series count."""


async def figures_of(reader: Reader, question: Question) -> Mapping[str, dict[str, Any]]:
    """The answers of the four metrics endpoints to the question, with their daily series, by sheet."""
    daily = replace(question, granularity="daily")
    asked = (figures(reader, daily) for figures, _, _ in KINDS.values())
    return dict(zip(KINDS, await asyncio.gather(*asked), strict=True))


def workbook(answers: Mapping[str, dict[str, Any]], question: Question) -> bytes:
    """An Excel file of the answers; every cell has the value of its field."""
    # For who asks for a workbook: it takes a while to load.
    from openpyxl import Workbook

    from openride_stream.sheets.figures import add_sheet

    book = Workbook(write_only=True)
    asked = told(question)
    for title, answer in answers.items():
        _, model, counted = KINDS[title]
        blocks = [figures_block(model, answer, question.currency)]
        if "by_method" in answer:
            blocks.append(method_block(answer, question.currency))
        days = [
            (datetime.fromisoformat(point["timestamp"]), point["value"]) for point in answer["time_series"]
        ]
        series = Block(f"{counted} by day (UTC)", ("Day (UTC)", counted), days, ("date", "whole"))
        add_sheet(book, Section(title, asked, blocks, series))
    written = BytesIO()
    book.save(written)
    return written.getvalue()


def method_block(answer: dict[str, Any], currency: str) -> Block:
    """The payments of an answer by method."""
    titles = [title_of(MethodTotal, name, currency) for name in MethodTotal.model_fields]
    rows = [tuple(row.values()) for row in answer["by_method"]]
    return Block("By method", titles, rows, ("", "whole", "money"))


def told(question: Question) -> str:
    """What was asked for, in a line for people."""
    where = ", ".join(place for place in (question.city, question.state) if place) or "everywhere"
    return (
        f"{rfc3339(question.start_ms)} to {rfc3339(question.end_ms)} (not included), {where}; "
        f"money in {question.currency}"
    )
