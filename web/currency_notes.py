"""A currency that nothing was paid in gives zeros: whoever asks for one is told."""

import asyncio
from collections import OrderedDict
from typing import Final

from openride_stream.api.notes import Note
from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.queries.currencies import currencies, has_amounts_in
from openride_stream.clock import Clock

_KNOWN_FOR_S: Final = 60.0
_UNKNOWN_FOR_S: Final = 5.0
_REMEMBERED: Final = 200
_FEW: Final = 8


class KnownCurrencies:
    """What currencies there are, asked once a minute; one that is not among them every five seconds."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._read_s = float("-inf")
        self._currencies: frozenset[str] = frozenset()
        self._missing: OrderedDict[str, float] = OrderedDict()

    async def notes(self, store: ClickHouse, clock: Clock, currency: str) -> list[Note]:
        """A note when events have amounts in other currencies and in this one none."""
        async with self._lock:
            now_s = clock.monotonic_s()
            if now_s - self._read_s >= _KNOWN_FOR_S:
                self._currencies, self._read_s = await currencies(store), now_s
            if currency in self._currencies or not self._currencies:
                return []
            if now_s - self._missing.get(currency, float("-inf")) >= _UNKNOWN_FOR_S:
                # Not among the days that are built: it may be among today's events.
                if await has_amounts_in(store, currency):
                    self._currencies |= {currency}
                    return []
                self._missing[currency] = now_s
                if len(self._missing) > _REMEMBERED:
                    self._missing.popitem(last=False)
            return [Note(kind="unknown-currency", detail=_unknown(self._currencies, currency))]


def _unknown(known: frozenset[str], currency: str) -> str:
    named = ", ".join(sorted(known)[:_FEW])
    more = f" and {len(known) - _FEW} more" if len(known) > _FEW else ""
    return f"no event so far has an amount in {currency} (known: {named}{more})"
