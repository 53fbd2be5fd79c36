"""Rounding as the contract has it: half up, averages and rates to two places, money as decimal strings."""

from decimal import ROUND_HALF_UP, Decimal

_CENT = Decimal("0.01")
# Sums of binary floats are a few ulps off their decimal value; snapping first keeps a tie a tie.
_SNAP = Decimal("0.000000001")


def two_places(value: Decimal | float) -> float:
    """`value` rounded half up to two places, as a JSON number."""
    exact = value if isinstance(value, Decimal) else Decimal(repr(value)).quantize(_SNAP)
    return float(exact.quantize(_CENT, ROUND_HALF_UP))


def average(total: Decimal | float, count: int) -> float:
    """`total / count` rounded half up to two places; 0 of nothing."""
    if not count:
        return 0.0
    exact = total if isinstance(total, Decimal) else Decimal(repr(total)).quantize(_SNAP)
    return two_places(exact / count)


def percentage(part: int, whole: int) -> float:
    """`part` of `whole` in per cent, rounded half up to two places; 0 of nothing."""
    return average(Decimal(part) * 100, whole)


def money(amount: Decimal | str) -> str:
    """An amount as a decimal string with two places."""
    return str(Decimal(amount).quantize(_CENT, ROUND_HALF_UP))


def average_money(total: Decimal | str, count: int) -> str:
    """The mean amount as a decimal string, rounded half up to cents; "0.00" of nothing."""
    return money(Decimal(total) / count) if count else "0.00"
