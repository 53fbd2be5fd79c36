"""From the text of a query to the statement that the store is given, or to the reason why it is refused.

The text itself never reaches the store. It is parsed, judged node by node, and written anew from what was
understood: what the parser took for a string or a comment cannot be anything else to ClickHouse.
"""

import logging
import re
from collections.abc import Mapping
from typing import Final

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

from openride_stream.exports.calls import check_calls, may_not_call
from openride_stream.exports.clauses import (
    REFUSED_NODES,
    SELECT_CLAUSES,
    SET_CLAUSES,
    TABLE_PARTS,
)
from openride_stream.exports.functions import may_call
from openride_stream.exports.prepared import MAX_CHARS, Prepared, QueryRefused
from openride_stream.exports.shape import check_part, check_reads, check_written
from openride_stream.exports.tables import TABLES, distinct_rows
from openride_stream.settings.events import RAW_DAYS

DIALECT: Final = "clickhouse"
MAX_DEPTH: Final = 60

# It logs what it cannot read, and what it cannot read is somebody's query.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)

_PARAMETER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_UNREAD: Final = (SqlglotError, LookupError, ValueError, TypeError, AttributeError, AssertionError)
_PREFIX: Final = "with_"


def prepare(
    text: str, given: Mapping[str, str], database: str, row_limit: int, raw_days: int = RAW_DAYS
) -> Prepared:
    """The statement for the query `text` with the values `given` for its `{name:Type}` parameters.

    `raw_days` is of how many days `events_raw` is.

    Raises:
        QueryRefused: it is no single SELECT over the tables of exports, or it wants more than that.
    """
    try:
        return _prepared(_parsed(text), given, database, row_limit, raw_days)
    except RecursionError:
        message = "is nested too deep"
        raise QueryRefused(message) from None
    except _UNREAD as error:
        # The parser takes what it reads, and writes, for better than it may be: map('a') has no value.
        message = f"cannot be read as ClickHouse SQL: {_short(error)}"
        raise QueryRefused(message) from None


def _prepared(
    tree: exp.Query, given: Mapping[str, str], database: str, row_limit: int, raw_days: int
) -> Prepared:
    for node in tree.walk():
        node.comments = None
        _check(node)
        check_part(node)
    _check_parameters(tree, given)
    _name_ctes(tree)
    for column in tree.find_all(exp.Column):
        if column.text("db") == database:
            column.set("db", None)  # tables are known by their aliases from here on
    for table in list(tree.find_all(exp.Table)):
        _replace(table, database, raw_days)
    limited = _limited(tree, row_limit)
    sql = limited.sql(DIALECT, comments=False)
    check_calls(sql, DIALECT)
    check_written(limited, sql, DIALECT)
    return Prepared(sql, dict(given))


def _parsed(text: str) -> exp.Query:
    if len(text) > MAX_CHARS:
        message = f"is longer than {MAX_CHARS:,} characters"
        raise QueryRefused(message)
    _check_depth(text)
    found = [tree for tree in parse(text, dialect=DIALECT) if tree is not None]
    if len(found) != 1:
        message = "must be one statement"
        raise QueryRefused(message)
    if not isinstance(found[0], exp.Query):
        message = "must be a SELECT"
        raise QueryRefused(message)
    return found[0]


def _check_depth(text: str) -> None:
    depth = 0
    for sign in re.findall(r"[(\[{)\]}]", text):
        depth += 1 if sign in "([{" else -1
        if depth > MAX_DEPTH:
            message = f"is nested more than {MAX_DEPTH} deep"
            raise QueryRefused(message)


def _short(error: Exception) -> str:
    # Terminal colours mark the place.
    return re.sub(r"\x1b\[\d*m", "", str(error)).partition("\n")[0][:200] or type(error).__name__


def _check(node: exp.Expr) -> None:
    for kind, message in REFUSED_NODES.items():
        if isinstance(node, kind):
            raise QueryRefused(message)
    if isinstance(node, exp.Select | exp.SetOperation):
        allowed = SELECT_CLAUSES if isinstance(node, exp.Select) else SET_CLAUSES
        for clause, value in node.args.items():
            if value and clause not in allowed:
                message = f"{clause.strip('_').upper()} is not allowed"
                raise QueryRefused(message)
    elif isinstance(node, exp.With) and node.args.get("recursive"):
        message = "WITH RECURSIVE is not allowed"
        raise QueryRefused(message)
    elif isinstance(node, exp.Group) and node.args.get("totals"):
        message = "WITH TOTALS is not allowed: a file has rows of one kind"
        raise QueryRefused(message)
    elif isinstance(node, exp.In):
        _check_in(node)
    elif isinstance(node, exp.Anonymous) and not may_call(node.name):
        raise may_not_call(node.name)


def _check_in(node: exp.In) -> None:
    """A bare name after IN is a table to ClickHouse, and looks like a column to a parser."""
    names = [node.args.get("field"), node.args.get("unnest"), *node.expressions]
    bare = (_bare(found) for found in names if found)
    if any(isinstance(found, exp.Column | exp.Identifier | exp.Dot | exp.Table) for found in bare):
        message = "after IN stand values, or a SELECT in brackets"
        raise QueryRefused(message)


def _bare(node: exp.Expr) -> exp.Expr:
    """Without brackets and names around it, which make no value of a table either."""
    while isinstance(node, exp.Paren | exp.Alias) or (
        isinstance(node, exp.Tuple) and len(node.expressions) == 1
    ):
        node = node.expressions[0] if isinstance(node, exp.Tuple) else node.this
    return node


def _check_parameters(tree: exp.Query, given: Mapping[str, str]) -> None:
    wanted = set()
    for placeholder in tree.find_all(exp.Placeholder):
        kind = placeholder.args.get("kind")
        if kind is None or not placeholder.name:
            message = "parameters are written {name:Type}"
            raise QueryRefused(message)
        if "identifier" in str(kind).lower():
            message = "a parameter is a value, not an Identifier"
            raise QueryRefused(message)
        wanted.add(placeholder.name)
    for name in given:
        if not _PARAMETER.fullmatch(name):
            message = "names are letters, digits and _, at most 64"
            raise QueryRefused(message, "query_params")
    for name in sorted(wanted ^ set(given)):
        message = f"{name} is not given" if name in wanted else f"{name[:64]} does not occur in the query"
        raise QueryRefused(message, "query_params")


def _name_ctes(tree: exp.Query) -> None:
    """Give every common table expression a name that no table has, where it is seen and nowhere else."""
    seen = {id(table): cte for table in tree.find_all(exp.Table) if (cte := _seen_cte(table)) is not None}
    check_reads(tree, seen)
    for table in tree.find_all(exp.Table):
        if id(table) in seen:
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
            table.set("this", exp.to_identifier(_PREFIX + table.name, quoted=True))
            table.meta["cte"] = True
    for cte in tree.find_all(exp.CTE):
        if not cte.args.get("scalar"):
            cte.args["alias"].set("this", exp.to_identifier(_PREFIX + cte.alias, quoted=True))


def _seen_cte(table: exp.Table) -> exp.CTE | None:
    """What defines the table's name as a table in a WITH around it, before it."""
    node: exp.Expr = table
    if table.db or not isinstance(table.this, exp.Identifier):
        return None
    within: exp.CTE | None = None
    while node.parent is not None:
        if isinstance(node, exp.CTE):
            within = node
        node = node.parent
        with_ = node.args.get("with_")
        for cte in with_.expressions if isinstance(with_, exp.With) else ():
            if cte is within:
                break  # neither itself nor those that come later
            if isinstance(cte, exp.CTE) and cte.alias == table.name and not cte.args.get("scalar"):
                return cte
    return None


def _replace(table: exp.Table, database: str, raw_days: int) -> None:
    """Put its distinct rows in the place of a table."""
    if table.meta.get("cte"):
        return
    if not isinstance(table.this, exp.Identifier):
        message = f"table functions are not allowed: {table.this.sql(DIALECT)[:60]}"
        raise QueryRefused(message)
    unknown = [name for name, value in table.args.items() if value and name not in TABLE_PARTS]
    if unknown or table.catalog or table.db not in ("", database) or table.name not in TABLES:
        named = table.sql(DIALECT)[:100]
        message = f"{named} is none of the tables of exports: {', '.join(sorted(TABLES))}"
        raise QueryRefused(message)
    rows = parse(f"SELECT * FROM {distinct_rows(database, table.name, raw_days)}", dialect=DIALECT)[0]
    assert isinstance(rows, exp.Select)
    subquery = rows.args["from_"].this
    subquery.set("alias", exp.TableAlias(this=exp.to_identifier(table.alias or table.name, quoted=True)))
    subquery.set("joins", table.args.get("joins"))
    # Rows are distinct already, and a subquery has no FINAL.
    place = table.parent if isinstance(table.parent, exp.Final) else table
    place.replace(subquery)


def _limited(tree: exp.Query, row_limit: int) -> exp.Query:
    """The query, of which no more than so many rows come, in its own order."""
    limit = tree.args.get("limit")
    plain = isinstance(tree, exp.Select) and tree.args.get("offset") is None
    if plain and limit is None:
        return tree.limit(row_limit)
    literal = limit.expression if isinstance(limit, exp.Limit) and not limit.expressions else None
    if (
        plain
        and isinstance(literal, exp.Literal)
        and literal.is_int
        and not (limit and limit.args.get("limit_options"))
    ):
        return tree.limit(min(row_limit, int(literal.name)))
    return exp.select("*").from_(tree.subquery("asked")).limit(row_limit)
