"""How each column of a query is written: a SELECT around the query that gives every value the form of a file.

The store does it, so that what is written here are bytes. Text that a spreadsheet would run as a formula is
made text of: in CSV by an apostrophe before it, in Excel by the type of its cell.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from openride_stream.api.choices import ExportFormat
from openride_stream.errors import Rejected

Kind = Literal["int", "float", "decimal", "bool", "date", "moment", "text", "id", "nested"]

FORMATS: Final[dict[ExportFormat, str]] = {
    "csv": "CSVWithNames",
    "excel": "JSONCompactEachRow",
    "parquet": "Parquet",
}
"""The store's name of the format that a file is made from."""

SETTINGS: Final = {
    # One core of the store's: with all of them a file is there sooner, and who inserts meanwhile waits.
    "max_threads": "1",
    # That thread comes after those of inserts, where the server may say so (CAP_SYS_NICE).
    "os_thread_priority": "19",
    # The order of the query is that of the file: a SELECT around it must not take it for redundant.
    "query_plan_remove_redundant_sorting": "0",
    "optimize_duplicate_order_by_and_distinct": "0",
    "do_not_merge_across_partitions_select_final": "1",
    "date_time_output_format": "iso",
    "output_format_decimal_trailing_zeros": "1",
    # Half a letter, as `substring` leaves it, is no text of an Excel file.
    "output_format_json_validate_utf8": "1",
    "format_csv_null_representation": "",
    "output_format_csv_crlf_end_of_line": "1",
    "output_format_parquet_string_as_string": "1",
    "output_format_parquet_compression_method": "zstd",
}

# What some programs drop or pass over at the start of a cell: control signs, spaces, marks without a width.
_UNSEEN: Final = (
    r"[\x00-\x20\x7f-\xa0\xad\x{2000}-\x{200f}\x{2028}-\x{202f}\x{205f}-\x{206f}\x{3000}\x{feff}]"
)
FORMULA: Final = (
    re.sub(r"\\x\{(\w+)\}", lambda code: chr(int(code[1], 16)), _UNSEEN) + r"*[=+\-@＝＋－＠]|[\t\r\n]"
)
"""What a spreadsheet runs begins so, in some locales in its full width too: for Python and for ClickHouse."""
_IN_SQL: Final = f"^(?:{FORMULA})".replace("\\", "\\\\")
_EXCEL_EPOCH_DAYS: Final = 25_569
_DAY_MS: Final = 86_400_000
_KINDS: Final[tuple[tuple[str, Kind], ...]] = (
    (r"U?Int\d+", "int"),
    (r"Float\d+|BFloat16", "float"),
    (r"Decimal\(.*", "decimal"),
    (r"Bool", "bool"),
    (r"Date|Date32", "date"),
    (r"DateTime(64)?(\(.*)?", "moment"),
    (r"UUID|IPv[46]", "id"),
    (
        r"(Array|Map|Tuple|Nested|JSON|Object|Variant|Dynamic|Point|Ring|Polygon|Multi|Line|Geometry).*",
        "nested",
    ),
)
_WRAPPED: Final = re.compile(r"(?:Nullable|LowCardinality)\((.*)\)")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a query: its name, and its type as ClickHouse writes it."""

    name: str
    type: str

    @property
    def bare_type(self) -> str:
        """The type without Nullable and LowCardinality."""
        bare = self.type
        while found := _WRAPPED.fullmatch(bare):
            bare = found[1]
        return bare

    @property
    def kind(self) -> Kind:
        """What its values are."""
        bare = self.bare_type
        return next((kind for pattern, kind in _KINDS if re.fullmatch(pattern, bare)), "text")

    @property
    def places(self) -> int:
        """Decimal places of a decimal; 0 of anything else."""
        found = re.fullmatch(r"Decimal\(\d+, (\d+)\)", self.bare_type)
        return int(found[1]) if found else 0


def written(sql: str, columns: Sequence[Column], form: ExportFormat) -> str:
    """The SELECT of `sql`'s rows with every column as `form` wants it.

    Raises:
        Rejected: a column holds states of an aggregation, which are no values.
    """
    for column in columns:
        if "AggregateFunction(" in column.type:
            message = (
                f"column {column.name} holds states of an aggregation: finalise them with the …Merge of it"
            )
            raise Rejected(message)
    express = {"csv": _in_csv, "excel": _in_excel, "parquet": _in_parquet}[form]
    cells = ", ".join(f"{express(column)} AS {_quoted(_title(column.name, form))}" for column in columns)
    return f"SELECT {cells} FROM ({sql}) AS asked_rows"


def _title(name: str, form: ExportFormat) -> str:
    runs = form == "csv" and re.match(FORMULA, name)
    return f"'{name}" if runs else name


def _in_csv(column: Column) -> str:
    name = _of(column)
    if column.kind == "text":
        text = f"toString({name})"
        return f"if(match({text}, '{_IN_SQL}'), concat('\\'', {text}), {text})"
    return f"toJSONString({name})" if column.kind == "nested" else name


def _in_excel(column: Column) -> str:
    name = _of(column)
    if column.kind == "moment":
        return f"toUnixTimestamp64Milli(toDateTime64({name}, 3, 'UTC')) / {_DAY_MS} + {_EXCEL_EPOCH_DAYS}"
    if column.kind == "date":
        return f"toInt32({name}) + {_EXCEL_EPOCH_DAYS}"
    if column.kind in ("text", "id") or re.fullmatch(r"U?Int(128|256)", column.bare_type):
        # Whole numbers of so many digits are none of JSON's.
        return f"toString({name})"
    return f"toJSONString({name})" if column.kind == "nested" else name


def _in_parquet(column: Column) -> str:
    name = _of(column)
    if column.bare_type.startswith(("JSON", "Object", "Variant", "Dynamic")):
        return f"toJSONString({name})"
    plain = column.bare_type == "String" or column.kind not in ("text", "id")
    return name if plain else f"toString({name})"


def _of(column: Column) -> str:
    return f"asked_rows.{_quoted(column.name)}"


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
