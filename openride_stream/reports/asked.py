"""What a report is about: a range of whole days of its zone, that before it, and both in words."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from openride_stream.api.choices import ReportRange
from openride_stream.api.reports import ReportParameters
from openride_stream.clickhouse.queries.question import Question
from openride_stream.clock import rfc3339, utc_from_ms
from openride_stream.reports.slots import range_before

_DRIVERS: Final = 100
_DAY: Final = "%a %d %b %Y"


@dataclass(frozen=True, slots=True)
class Asked:
    """A range, that before it, and how many drivers are listed."""

    question: Question
    before: Question
    drivers: int

    @property
    def told(self) -> str:
        """The days, the moments at which they begin and end, the place and the currency, for people."""
        return f"{days_told(self.question)}, {_where(self.question)}; money in {self.question.currency}"


def asked_of(
    span: tuple[datetime, datetime],
    kind: ReportRange,
    zone: str,
    parameters: ReportParameters,
    currency: str,
) -> Asked:
    """A report about `span` [start, end), days of `zone`; `currency` is that of the settings."""
    start, end = span
    question = Question(
        start_ms=_ms(start),
        end_ms=_ms(end),
        currency=parameters.currency or currency,
        city=parameters.city,
        state=parameters.state,
        granularity="daily",
        zone=zone,
    )
    before = range_before(kind, zone, start)
    earlier = replace(question, start_ms=_ms(before[0]), end_ms=_ms(before[1]), granularity=None)
    return Asked(question, earlier, parameters.limit or _DRIVERS)


def days_told(question: Question) -> str:
    """`Mon 26 Jan 2026 to Sun 01 Feb 2026, days of Asia/Kolkata (…)`: with the range as the API takes it."""
    zone = ZoneInfo(question.zone)
    first = utc_from_ms(question.start_ms).astimezone(zone)
    last = (utc_from_ms(question.end_ms) - timedelta(milliseconds=1)).astimezone(zone)
    days = f"{first:{_DAY}}"
    if last.date() != first.date():
        days += f" to {last:{_DAY}}"
    moments = f"{rfc3339(question.start_ms)} to {rfc3339(question.end_ms)}, not included"
    return f"{days}, {'day' if last.date() == first.date() else 'days'} of {question.zone} ({moments})"


def _where(question: Question) -> str:
    return ", ".join(place for place in (question.city, question.state) if place) or "everywhere"


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
