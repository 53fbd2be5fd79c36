"""What a query of an export must hold to whatever it calls and reads: its size, and what its parts may be.

Some of it is the parser's: it takes tables of a SELECT in an ARRAY JOIN for columns, and writes what it takes
for a unit of time as it stands.
"""

import re
from collections.abc import Mapping
from typing import Final

from sqlglot import exp, parse

from openride_stream.exports.clauses import SELECT_CLAUSES
from openride_stream.exports.prepared import QueryRefused

MAX_READS: Final = 60
"""Tables that a query reads, in a WITH as often as its name is read: the store makes each of them anew."""

_UNIT: Final = re.compile(r"\w+", re.ASCII)
_SUBQUERY_PARTS: Final = SELECT_CLAUSES | {"this", "alias"}
# Types by name: what is in them is not for the parser to see.
_CASTS: Final = re.compile(r"_?(accurate)?cast(ordefault|ornull)?|reinterpret", re.IGNORECASE)
_STATES: Final = "aggregatefunction"


def check_part(node: exp.Expr) -> None:
    """Pass a node whose parts are what they look like.

    Raises:
        QueryRefused: they may be something else to the store.
    """
    if isinstance(node, exp.From | exp.Join):
        _check_source(node)
    elif isinstance(node, exp.Var) and not _UNIT.fullmatch(node.name):
        message = f"{node.name[:60]} is no unit or word"
        raise QueryRefused(message)
    elif isinstance(node, exp.Subquery):
        for clause, value in node.args.items():
            if value and clause not in _SUBQUERY_PARTS:
                message = f"{clause.strip('_').upper()} is not allowed"
                raise QueryRefused(message)
    elif isinstance(node, exp.Literal) and node.is_string and _STATES in node.name.lower():
        message = "states of aggregations are not read from text"
        raise QueryRefused(message)
    elif isinstance(node, exp.Anonymous | exp.CastToStrType) and _CASTS.fullmatch(_called(node)):
        kind = node.args["to"] if isinstance(node, exp.CastToStrType) else node.expressions[-1:]
        kinds = kind if isinstance(kind, list) else [kind]
        if not all(isinstance(found, exp.Literal) for found in kinds):
            message = "the type of a cast is written out"
            raise QueryRefused(message)


def _called(node: exp.Expr) -> str:
    return node.name if isinstance(node, exp.Anonymous) else "cast"


def _check_source(node: exp.From | exp.Join) -> None:
    if isinstance(node, exp.Join) and node.args.get("kind") == "ARRAY":
        if node.find(exp.Query):
            message = "ARRAY JOIN is of columns and expressions: a SELECT has its place in FROM"
            raise QueryRefused(message)
    elif not isinstance(node.this, exp.Table | exp.Subquery | exp.Final):
        message = f"rows come from tables and from SELECTs in brackets, not from {node.this.sql()[:60]}"
        raise QueryRefused(message)


def check_reads(tree: exp.Query, seen: Mapping[int, exp.CTE]) -> None:
    """Pass a tree that reads few enough tables; `seen` are the common table expressions, by the table's id.

    Raises:
        QueryRefused: it reads more, often by expressions that read one another twice.
    """
    known: dict[int, int] = {}

    def reads(node: exp.Expr) -> int:
        total = 0
        for table in node.find_all(exp.Table):
            cte = seen.get(id(table))
            if cte is not None and id(cte) not in known:
                known[id(cte)] = reads(cte)
            total += 1 if cte is None else 1 + known[id(cte)]
            if total > MAX_READS:
                message = f"reads more than {MAX_READS} tables, those of a WITH as often as it is read"
                raise QueryRefused(message)
        return total

    reads(tree)


def check_written(tree: exp.Query, sql: str, dialect: str) -> None:
    """Pass a statement that reads as the tree it was written from.

    Raises:
        QueryRefused: something in it was text to the parser and is more than that once written.
    """
    found = parse(sql, dialect=dialect)
    if len(found) != 1 or found[0] is None or _outline(found[0]) != _outline(tree):
        message = "cannot be written as ClickHouse SQL without another meaning"
        raise QueryRefused(message)


def _outline(tree: exp.Expr) -> tuple[list[str], int, int]:
    tables, selects, comments = [], 0, 0
    for node in tree.walk():
        if isinstance(node, exp.Table):
            tables.append(f"{node.catalog}.{node.db}.{node.name}")
        selects += isinstance(node, exp.Select | exp.SetOperation)
        comments += len(node.comments or ())
    return sorted(tables), selects, comments
