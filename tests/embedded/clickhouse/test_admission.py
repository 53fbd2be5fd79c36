import asyncio

import pytest

from openride_stream.embedded.clickhouse.admission import Admission
from openride_stream.embedded.clickhouse.errors import ClickHouseError, Code


async def test_beyond_the_queue_a_statement_is_refused_at_once():
    admission = Admission(running_limit=1, waiting_limit=1, patience_s=60)
    await admission.enter("a")
    waiting = asyncio.ensure_future(admission.enter("b"))
    await asyncio.sleep(0)
    with pytest.raises(ClickHouseError) as caught:
        await admission.enter("c")
    assert caught.value.code == Code.TOO_MANY_SIMULTANEOUS_QUERIES
    assert caught.value.status == 503
    admission.leave("a")
    await waiting
    assert admission.running() == {"b"}


async def test_a_statement_that_waits_too_long_is_refused():
    admission = Admission(running_limit=1, waiting_limit=1, patience_s=0.01)
    await admission.enter("a")
    with pytest.raises(ClickHouseError, match="Too many"):
        await admission.enter("b")
    admission.leave("a")
    await admission.enter("b")


async def test_one_id_runs_once_at_a_time():
    admission = Admission(running_limit=2, waiting_limit=1, patience_s=1)
    await admission.enter("a")
    with pytest.raises(ClickHouseError) as caught:
        await admission.enter("a")
    assert caught.value.code == Code.QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING
    admission.leave("a")
    await admission.enter("a")


async def test_after_closing_nobody_enters_and_the_rest_drains():
    admission = Admission(running_limit=1, waiting_limit=1, patience_s=60)
    await admission.enter("a")
    waiting = asyncio.ensure_future(admission.enter("b"))
    await asyncio.sleep(0)
    admission.close()
    assert not await admission.drained(0.01)
    admission.leave("a")
    with pytest.raises(ClickHouseError, match="stopping"):
        await waiting
    assert await admission.drained(1)
