"""What messages have in common: their variable parts are masked."""

from typing import Final

NO_MESSAGE: Final = "(no message)"
LONGEST_PATTERN: Final = 500
"""Characters of a message that are looked at."""

_MASKS: Final = (
    ('"[^"]*"', '"<text>"'),
    ("[A-Za-z][A-Za-z0-9+.-]*://[^ \\t\\r\\n]+", "<url>"),
    ("[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+", "<email>"),
    ("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "<id>"),
    ("[0-9]{1,3}([.][0-9]{1,3}){3}(:[0-9]+)?", "<address>"),
    ("[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){3,7}", "<address>"),
    ("[0-9A-Za-z]*[0-9][0-9A-Za-z]*([.,:][0-9]+)*", "<n>"),
)
"""RE2 expressions, one after the other, and what takes the place of what they find. ASCII, no quote (')."""


def pattern_sql(message: str) -> str:
    """SQL of the pattern of a message."""
    masked = f"substringUTF8({message}, 1, {LONGEST_PATTERN})"
    for expression, mask in _MASKS:
        masked = f"replaceRegexpAll({masked}, '{expression}', '{mask}')"
    return f"if({message} = '', '{NO_MESSAGE}', {masked})"
