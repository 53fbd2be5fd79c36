"""What this engine never does for a client: touch files, the network or other programs.

It has no users and no grants, so the statement itself is judged, before the engine sees it. What is
allowed is listed; a table function or an engine that a later version adds is refused until it is listed here.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from openride_stream.embedded.clickhouse.errors import ClickHouseError
from openride_stream.embedded.clickhouse.lexer import Token

ALLOWED_TABLE_FUNCTIONS: Final = frozenset(
    "dictionary format generaterandom generateseries generate_series input loop merge mergetreeindex "
    "mergetreeprojection null numbers numbers_mt primes sqlstandardvalues values view viewexplain "
    "viewifpermitted zeros zeros_mt".split()
)
# Not table functions, yet they read files or reach out: functions, dictionary sources, disks, engines.
OUTSIDE_NAMES: Final = frozenset(
    "azurequeue catboostevaluate disk embeddedrocksdb executablepool executable file filelog filesystem http https "
    "kafka keepermap materializedpostgresql nats rabbitmq s3queue cassandra".split()
)
ALLOWED_ENGINES: Final = frozenset(
    "aggregatingmergetree alias atomic buffer coalescingmergetree collapsingmergetree dictionary generaterandom "
    "graphitemergetree join log materializedview memory merge mergetree null replacingmergetree set stripelog "
    "summingmergetree tinylog versionedcollapsingmergetree view".split()
)
_CREATES: Final = ("CREATE", "ATTACH", "REPLACE")


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
        _check_clauses(found)
        for token, after in pairwise(found):
            if after.text == "(":
                self._check_call(token)
        if found[0].is_word(*_CREATES):
            _check_engines(found)

    def _check_call(self, token: Token) -> None:
        escaped = token.kind == "name" and "\\" in token.text
        if escaped or token.identifier in self._denied:
            raise ClickHouseError.of(
                "FUNCTION_NOT_ALLOWED", f"{token.text} is not available in the embedded engine"
            )


def _check_clauses(found: Sequence[Token]) -> None:
    if found[0].is_word("BACKUP", "RESTORE"):
        raise ClickHouseError.of("ACCESS_DENIED", f"{found[0].text} is not available in the embedded engine")
    for token, after in pairwise(found):
        pair = (token.text.upper(), after.text.upper())
        if pair in {("INTO", "OUTFILE"), ("FROM", "INFILE")}:
            raise ClickHouseError.of(
                "ACCESS_DENIED", f"{pair[0]} {pair[1]} is the client's business, not the server's"
            )
        if token is found[0] and pair in {("SYSTEM", "SHUTDOWN"), ("SYSTEM", "KILL")}:
            raise ClickHouseError.of("ACCESS_DENIED", "Stop the process instead (SIGTERM)")
        if found[0].is_word("ATTACH") and pair[0] == "FROM" and after.kind == "string":
            raise ClickHouseError.of(
                "ACCESS_DENIED", "ATTACH … FROM a folder is not available in the embedded engine"
            )


def _check_engines(found: Sequence[Token]) -> None:
    for position, token in enumerate(found[:-1]):
        if not token.is_word("ENGINE"):
            continue
        name = found[position + 1]
        if name.text == "=" and position + 2 < len(found):
            name = found[position + 2]
        if name.identifier and name.identifier not in ALLOWED_ENGINES:
            raise ClickHouseError.of(
                "ACCESS_DENIED", f"Engine {name.text} is not available in the embedded engine"
            )
