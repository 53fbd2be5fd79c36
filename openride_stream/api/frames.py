"""Answers as pandas DataFrames. pandas is imported when one is made: nobody else needs it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from openride_stream.api.fields import Answer

if TYPE_CHECKING:
    from datetime import datetime

    from pandas import DataFrame


class Bucket(Protocol):
    """What a series is made of."""

    @property
    def timestamp(self) -> "datetime":
        """Start of the bucket, UTC."""

    @property
    def value(self) -> Any:
        """The figure in this bucket."""


def pandas() -> Any:
    """The library.

    Raises:
        ImportError: it is not installed; the message says how it would be.
    """
    try:
        import pandas as library
    except ImportError as error:
        message = "to_dataframe() needs pandas: pip install 'openride-stream[pandas]'"
        raise ImportError(message, name="pandas") from error
    return library


def table_of(kind: type[Answer], rows: Sequence[Answer]) -> "DataFrame":
    """A row each, the fields of `kind` as columns, also when there are no rows."""
    return pandas().DataFrame([row.model_dump() for row in rows], columns=list(kind.model_fields))


def series_of(points: Sequence[Bucket] | None, name: str) -> "DataFrame":
    """One column `name` over an index `timestamp` in UTC.

    Raises:
        ValueError: there is no series, since none was asked for.
    """
    if points is None:
        message = "the answer has no time_series: ask with a granularity, such as granularity='daily'"
        raise ValueError(message)
    library = pandas()
    index = library.to_datetime([point.timestamp for point in points], utc=True).rename("timestamp")
    return library.DataFrame({name: [point.value for point in points]}, index=index)
