"""Rounding as the contract has it: half up, averages and rates to two places, money as decimal strings.

Everything is computed in fractions: a decimal context has a number of digits, and an amount may have more.
"""

from decimal import Decimal
from fractions import Fraction

_HALF = Fraction(1, 2)
# A sum of doubles differs from that of the decimals that were sent by half an ulp for each of them, and by
# what the compensated summation and its last rounding leave: four halves at most. Twice that, to be safe.
_SUM_ERROR = Fraction(1, 2**50)
_LARGEST_ERROR = Fraction(1, 10**6)


def two_places(value: Decimal | float) -> float:
    """`value` rounded half up to two places, as a JSON number."""
    return _hundredths(_sent(value)) / 100


def average(total: Decimal | float, count: int) -> float:
    """`total / count` rounded half up to two places; 0 of nothing.

    A float is the sum of `count` amounts of at least 0. Where it lies below a half only by what adding
    doubles can have cost it, it was that half.
    """
    if not count:
        return 0.0
    exact = _sent(total) / count
    if isinstance(total, float) and count > 1:
        exact += min(exact * _SUM_ERROR, _LARGEST_ERROR)
    return _hundredths(exact) / 100


def total(amount: float, count: int) -> float:
    """The sum of `count` amounts of at least 0, rounded half up to two places; see `average`."""
    exact = _sent(amount)
    if count > 1:
        exact += min(exact * _SUM_ERROR, _LARGEST_ERROR)
    return _hundredths(exact) / 100


def percentage(part: int, whole: int) -> float:
    """`part` of `whole` in per cent, rounded half up to two places; 0 of nothing."""
    return average(Decimal(part * 100), whole)


def money(amount: Decimal | Fraction | str) -> str:
    """An amount as a decimal string with two places, rounded half up."""
    return _money(Fraction(amount))


def average_money(total: Decimal | str, count: int) -> str:
    """The mean amount as a decimal string, rounded half up to cents; "0.00" of nothing."""
    return _money(Fraction(total) / count) if count else "0.00"


def _sent(value: Decimal | float) -> Fraction:
    """Of a double the shortest decimal that it stands for, which is what was sent."""
    return Fraction(value if isinstance(value, Decimal) else repr(value))


def _hundredths(exact: Fraction) -> int:
    """In hundredths; a half goes away from zero."""
    hundredths = int(abs(exact) * 100 + _HALF)
    return -hundredths if exact < 0 else hundredths


def _money(exact: Fraction) -> str:
    cents = _hundredths(exact)
    units, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{units}.{rest:02d}"
