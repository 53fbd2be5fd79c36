"""Which schedules come seldom is found out beforehand: no question about what is stuck waits for it."""

import asyncio
import logging

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.hour_looks import SELDOM_S, Hours
from openride_stream.clickhouse.queries.schedules.stuck import look_for_seldom
from openride_stream.clock import Clock
from openride_stream.errors import OpenRideError

logger = logging.getLogger(__name__)


async def keep_seldom_known(store: ClickHouse, hours: Hours, clock: Clock, days: int) -> None:
    """Look at once and then every minute, until cancelled; schedules are remembered for `days`.

    What fails is left to the next look, or to a question that comes before it.
    """
    while True:
        try:
            async with asyncio.timeout(SELDOM_S):
                await look_for_seldom(store, hours, clock.now_ms(), days)
        except (OpenRideError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            logger.debug("Schedules that come seldom not looked for", extra={"error": why})
        await asyncio.sleep(SELDOM_S)
