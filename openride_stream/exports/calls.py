"""What a statement calls, from its text as the store will see it."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from sqlglot.tokenizer_core import Token, TokenType
from sqlglot.tokens import Tokenizer

from openride_stream.exports.clauses import SERVER_WORDS, TYPES, WORDS
from openride_stream.exports.functions import may_call
from openride_stream.exports.prepared import QueryRefused

_NAMES: Final = frozenset({TokenType.VAR, TokenType.IDENTIFIER})


def check_calls(sql: str, dialect: str) -> None:
    """Look at what the store will see: whatever stands before a bracket is listed, or is no call.

    Raises:
        QueryRefused: it is neither.
    """
    found = Tokenizer(dialect=dialect).tokenize(sql)
    for before, token in pairwise(found):
        told = token.token_type is not TokenType.STRING and token.text.lower() in SERVER_WORDS
        if told and before.token_type is not TokenType.DOT:
            message = (
                f"{token.text} tells of the store: a column or an alias needs another name, or its table's"
            )
            raise QueryRefused(message)
    for token in _before_brackets(found):
        name = token.text.lower()
        quoted = token.token_type is TokenType.IDENTIFIER
        if not may_call(name) and (quoted or name not in WORDS | TYPES):
            raise may_not_call(token.text)


def _before_brackets(found: Sequence[Token]) -> Iterator[Token]:
    for token, after in pairwise(found):
        if after.token_type is not TokenType.L_PAREN:
            continue
        if token.token_type in _NAMES or (re.fullmatch(r"\w+", token.text) and not token.text.isdigit()):
            yield token


def may_not_call(name: str) -> QueryRefused:
    """The refusal of a function."""
    return QueryRefused(f"the function {name[:60]} is not allowed")
