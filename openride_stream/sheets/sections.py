"""What sheets and pages are made of: blocks of rows, and how each value is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel

Form = Literal["", "whole", "money", "average", "percent", "date"]
"""How a value is shown; "" is text."""


@dataclass(frozen=True, slots=True)
class Block:
    """A table: titles, rows of values, and how each column, or each value, is shown.

    `names` are the fields of the API that the rows are, where they are figures.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    forms: Sequence[Form]
    forms_of_rows: Sequence[Sequence[Form]] = ()
    names: Sequence[str] = ()

    def form(self, row: int, column: int) -> Form:
        """How one value is shown."""
        return (self.forms_of_rows[row] if self.forms_of_rows else self.forms)[column]


@dataclass(frozen=True, slots=True)
class Section:
    """One sheet; `series` has two columns, a day and a number."""

    title: str
    asked: str
    blocks: Sequence[Block]
    series: Block | None = None


def figures_block(model: type[BaseModel], answer: dict[str, Any], currency: str) -> Block:
    """The single figures of an answer, each with what it means."""
    rows: list[tuple[str, Any, str]] = []
    forms: list[Sequence[Form]] = []
    for name, field in model.model_fields.items():
        if name in answer and not isinstance(answer[name], list):
            meaning = field.description or ""
            rows.append((title_of(model, name, currency), answer[name], meaning))
            forms.append(("", form_of(answer[name], meaning), ""))
    return Block("Figures", ("Figure", "Value", "Meaning"), rows, ("", "", ""), forms)


def title_of(model: type[BaseModel], name: str, currency: str) -> str:
    """What people call a figure, with its unit; that of a rate stands beside its value."""
    field = model.model_fields[name]
    assert field.title is not None, f"{name} is shown to people, and has no title"
    return f"{field.title}, {currency}" if field.annotation is Decimal else field.title


def form_of(value: Any, meaning: str) -> Form:
    """How a figure is shown, from its value and its description in the API."""
    if isinstance(value, str | Decimal):
        return "money"
    if isinstance(value, int):
        return "whole"
    return "percent" if meaning.startswith("Per cent") else "average"


def shown(value: Any, form: Form) -> str:
    """A value as people read it."""
    if value is None:
        return "–"
    if form == "":
        return str(value)
    if form == "date":
        return f"{value:%Y-%m-%d}"
    if form == "whole":
        return f"{value:,.0f}"
    number = f"{Decimal(str(value)):,.2f}"
    return f"{number} %" if form == "percent" else number
