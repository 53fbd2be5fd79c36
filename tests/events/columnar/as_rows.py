"""Columns back to the rows that `decode` makes, for comparison."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import numpy as np

from openride_stream.events.accept import Accepted
from openride_stream.events.columnar.columns import Columns
from openride_stream.events.columnar.fields import Kind, fields_of
from openride_stream.events.columnar.scan import load

Row = dict[str, Any]

load()


def rows_of(accepted: Accepted) -> list[Row]:
    """Every accepted event as a row, in order of offset."""
    rows = [*accepted.rows, *(row for columns in accepted.columns for row in _rows(columns))]
    return sorted(rows, key=lambda row: row["offset"])


def _rows(columns: Columns) -> list[Row]:
    every = {"event_timestamp": columns.times_ms, **columns.columns}
    assert {len(column) for column in every.values()} == {len(columns)}
    rows = []
    for index in range(len(columns)):
        row = {name: _value(columns.kind, name, column[index]) for name, column in every.items()}
        row = {name: value for name, value in row.items() if value is not None}
        rows.append({**columns.constants, **row})
    return rows


def _value(kind: str, name: str, value: Any) -> Any:
    fields: Mapping[str, Any] = fields_of(kind)
    declared = fields[name].kind if name in fields else None
    if declared is Kind.UUID or name == "event_id":
        return str(UUID(bytes=value.tobytes()))
    if declared is Kind.MONEY:
        return f"{value // 100}.{value % 100:02d}"
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, np.generic) else value
