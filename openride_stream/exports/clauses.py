"""What a query of an export may be made of, in the words of the parser."""

from collections.abc import Mapping
from typing import Final

from sqlglot import exp

# What a SELECT is made of; every other clause (SETTINGS, FORMAT, INTO, hints, locks) is refused.
SELECT_CLAUSES: Final = frozenset(
    {"with_", "expressions", "distinct", "from_", "joins", "laterals", "where", "prewhere", "group", "having"}
    | {"qualify", "windows", "order", "limit", "offset", "kind", "operation_modifiers", "hint"}
)
TABLE_PARTS: Final = frozenset({"this", "db", "alias", "joins"})
SET_CLAUSES: Final = frozenset(
    {"this", "expression", "distinct", "with_", "by_name", "order", "limit", "offset"}
)
REFUSED_NODES: Final[Mapping[type[exp.Expr], str]] = {
    exp.Into: "INTO is not allowed",
    exp.Hint: "hints are not allowed",
    exp.TableSample: "SAMPLE is not allowed: the tables of events have no sampling key",
    exp.Parameter: "parameters are written {name:Type}",
    exp.SessionParameter: "parameters are written {name:Type}",
    exp.Command: "only a SELECT is allowed",
    exp.DML: "only a SELECT is allowed",
    exp.DDL: "only a SELECT is allowed",
    exp.Lateral: "LATERAL is not allowed",
    exp.Unnest: "UNNEST is not allowed: ClickHouse has ARRAY JOIN",
    exp.Apply: "APPLY is not allowed",
    exp.Values: "VALUES is not allowed",
    exp.Pivot: "PIVOT is not allowed",
    exp.MatchRecognize: "MATCH_RECOGNIZE is not allowed",
}
# Functions that ClickHouse calls without brackets as well, and that tell of the server or of its user.
SERVER_WORDS: Final = frozenset(
    {"user", "currentuser", "current_user", "session_user", "system_user", "database", "schema"}
    | {"currentdatabase", "current_database", "current_schema", "currentschemas", "current_catalog"}
    | {"currenthandler", "currentrequesturl"}
)
# Words that may stand before a bracket and call nothing. Of types, those with arguments.
WORDS: Final = frozenset(
    [
        "all",
        "and",
        "any",
        "anti",
        "array",
        "as",
        "asof",
        "between",
        "by",
        "case",
        "columns",
        "cross",
        "distinct",
        "else",
        "end",
        "except",
        "exists",
        "final",
        "from",
        "full",
        "global",
        "group",
        "having",
        "if",
        "ilike",
        "in",
        "inner",
        "intersect",
        "interval",
        "into",
        "is",
        "join",
        "left",
        "like",
        "limit",
        "not",
        "offset",
        "on",
        "or",
        "order",
        "outer",
        "over",
        "paste",
        "prewhere",
        "qualify",
        "replace",
        "right",
        "rows",
        "range",
        "select",
        "semi",
        "set",
        "sets",
        "grouping",
        "cube",
        "rollup",
        "then",
        "union",
        "using",
        "values",
        "when",
        "where",
        "window",
        "with",
        "within",
        "apply",
        "escape",
        "null",
        "fill",
        "step",
        "to",
    ]
)
TYPES: Final = frozenset(
    [
        "array",
        "datetime",
        "datetime64",
        "decimal",
        "decimal32",
        "decimal64",
        "decimal128",
        "decimal256",
        "enum",
        "enum8",
        "enum16",
        "fixedstring",
        "lowcardinality",
        "map",
        "nested",
        "nullable",
        "tuple",
        "variant",
    ]
)
