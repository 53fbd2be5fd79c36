"""Exact arithmetic and the contract's roundings."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor

Number = int | Decimal | Fraction


def half_up(value: Number) -> Fraction:
    """To two places; a half goes away from zero."""
    exact = Fraction(value)
    rounded = Fraction(floor(abs(exact) * 100 + Fraction(1, 2)), 100)
    return -rounded if exact < 0 else rounded


def money(value: Number) -> str:
    """`12.30`, rounded half up to cents."""
    cents = int(half_up(value) * 100)
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def rate(part: int, whole: int) -> float:
    """A percentage; 0 of nothing."""
    return float(half_up(Fraction(100 * part, whole))) if whole else 0.0


def mean(values: Iterable[Number]) -> Fraction:
    """The exact mean; 0 of nothing."""
    exact = [Fraction(value) for value in values]
    return sum(exact, Fraction(0)) / len(exact) if exact else Fraction(0)


def quantile(values: Iterable[Number], share: Fraction) -> Fraction:
    """The exact quantile, linearly interpolated between the two nearest ranks; 0 of nothing."""
    ordered: Sequence[Fraction] = sorted(Fraction(value) for value in values)
    if not ordered:
        return Fraction(0)
    rank = share * (len(ordered) - 1)
    low = floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (rank - low) * (ordered[high] - ordered[low])
