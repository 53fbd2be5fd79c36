"""What this engine never does for a client: touch files, the network or other programs.

It has no users and no grants, so the statement itself is judged before the engine sees it. What is allowed
is listed: a table function or an engine that a later version adds is refused until it is listed here.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from openride_stream.embedded.clickhouse.errors import ClickHouseError, Code
from openride_stream.embedded.clickhouse.lexer import Token

# fmt: off
ALLOWED_TABLE_FUNCTIONS: Final = frozenset({
    "dictionary", "format", "generaterandom", "generateseries", "generate_series", "loop", "merge",
    "mergetreeindex", "mergetreeprojection", "null", "numbers", "numbers_mt", "primes", "sqlstandardvalues",
    "values", "view", "viewexplain", "viewifpermitted", "zeros", "zeros_mt",
})
# No table functions, yet they read files or reach out: functions, dictionary sources, disks, engines.
OUTSIDE_NAMES: Final = frozenset({
    "azurequeue", "cassandra", "catboostevaluate", "disk", "embeddedrocksdb", "executable", "executablepool",
    "file", "filelog", "filesystem", "http", "https", "kafka", "keepermap", "materializedpostgresql", "nats",
    "rabbitmq", "s3queue",
})
ALLOWED_ENGINES: Final = frozenset({
    "aggregatingmergetree", "alias", "atomic", "buffer", "coalescingmergetree", "collapsingmergetree",
    "dictionary", "generaterandom", "graphitemergetree", "join", "log", "materializedview", "memory", "merge",
    "mergetree", "null", "replacingmergetree", "set", "stripelog", "summingmergetree", "tinylog",
    "versionedcollapsingmergetree", "view",
})
# fmt: on
# Statements that read or write elsewhere.
_REFUSED_STATEMENTS: Final = ("BACKUP", "RESTORE", "SNAPSHOT", "COPY", "MOVE", "EXECUTE")
# Clauses of the command-line client, and the one that joins statements of any kind into one.
_REFUSED_CLAUSES: Final = frozenset({("INTO", "OUTFILE"), ("FROM", "INFILE"), ("PARALLEL", "WITH")})


class Policy:
    """Judges statements; made once, from the table functions that the engine knows."""

    def __init__(self, table_functions: Iterable[str]) -> None:
        known = {name.lower() for name in table_functions}
        self._denied = frozenset(known - ALLOWED_TABLE_FUNCTIONS) | OUTSIDE_NAMES

    def check(self, found: Sequence[Token]) -> None:
        """Pass, or say what is refused.

        Raises:
            ClickHouseError: FUNCTION_NOT_ALLOWED or ACCESS_DENIED, naming the word.
        """
        first = found[0]
        if first.is_word(*_REFUSED_STATEMENTS):
            raise _refusal(first.text)
        if first.is_word("SYSTEM") and found[1:2] and found[1].is_word("SHUTDOWN", "KILL"):
            what = f"SYSTEM {found[1].text}"
            raise _refusal(what)
        if first.is_word("CREATE", "ATTACH", "REPLACE"):
            _check_creation(found)
        texts = [token.text.upper() for token in found]
        for place, clause in enumerate(pairwise(texts)):
            if clause in _REFUSED_CLAUSES:
                what = f"{found[place].text} {found[place + 1].text}"
                raise _refusal(what)
            if clause[1] == "(":
                self._check_call(found[place])

    def _check_call(self, token: Token) -> None:
        # An escape could spell a name that we do not recognise.
        escaped = token.kind == "name" and "\\" in token.text
        if escaped or token.identifier in self._denied:
            msg = f"{token.text} is not available in the embedded engine"
            raise ClickHouseError(Code.FUNCTION_NOT_ALLOWED, msg)


def _refusal(what: str) -> ClickHouseError:
    return ClickHouseError(Code.ACCESS_DENIED, f"{what} is not available in the embedded engine")


def _check_creation(found: Sequence[Token]) -> None:
    for position, token in enumerate(found[:-1]):
        after = found[position + 1]
        if token.is_word("TEMPORARY"):
            what = "TEMPORARY (every request has a session of its own)"
            raise _refusal(what)
        if found[0].is_word("ATTACH") and token.is_word("FROM") and after.kind == "string":
            what = "ATTACH FROM a folder"
            raise _refusal(what)
        if token.is_word("ENGINE"):
            _check_engine(found[position + 2] if after.text == "=" and position + 2 < len(found) else after)


def _check_engine(name: Token) -> None:
    escaped = name.kind == "name" and "\\" in name.text
    if escaped or (name.identifier and name.identifier not in ALLOWED_ENGINES):
        what = f"Engine {name.text}"
        raise _refusal(what)
