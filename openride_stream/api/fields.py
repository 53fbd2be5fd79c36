"""What answers are made of: their base, and kinds of fields with what a kind means."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    WithJsonSchema,
)

from openride_stream.api.notes import Note

_MONEY: Final = r"^-?\d+\.\d\d$"


class Answer(BaseModel):
    """A part of an answer: it cannot be changed, and has the fields that it declares."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    _notes: tuple[Note, ...] = PrivateAttr(())

    @property
    def notes(self) -> tuple[Note, ...]:
        """What came beside the answer (`X-Notes`): what may be misread in it. Its parts have none."""
        return self._notes


def _is_money(given: object) -> object:
    # Nothing but the text is taken: a JSON number would have gone through a float.
    if isinstance(given, Decimal) or (isinstance(given, str) and re.fullmatch(_MONEY, given, re.ASCII)):
        return given
    message = "must be a decimal string with two places"
    raise ValueError(message)


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Money = Annotated[Decimal, BeforeValidator(_is_money), WithJsonSchema({"type": "string", "pattern": _MONEY})]
"""A decimal string in JSON, a Decimal here: exact, two places, in the currency that was asked for."""

Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""RFC 3339 in JSON, an aware datetime in UTC here."""


def count(meaning: str, title: str | None = None) -> Any:
    """A number of distinct things. Titles are how people read a figure: in reports, sheets and mails."""
    return Field(ge=0, title=title, description=meaning)


def percentage(meaning: str, title: str | None = None) -> Any:
    """A share of a whole."""
    return Field(ge=0, le=100, title=title, description=f"Per cent: {meaning}.")


def ratio(meaning: str, title: str | None = None) -> Any:
    """Of those that began in the range and those that ended in it: more can end than begin."""
    meant = f"Per cent, above 100 when more ended in the range than began: {meaning}."
    return Field(ge=0, title=title, description=meant)


def average(meaning: str, title: str | None = None) -> Any:
    """A mean or a quantile; the title has its unit."""
    return Field(ge=0, title=title, description=meaning)


def money(meaning: str, title: str | None = None) -> Any:
    """A sum or an average of money; its currency is that of the question."""
    return Field(title=title, description=f"Money: {meaning}")
