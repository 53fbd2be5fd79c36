import asyncio
import os
import threading

import pytest

from openride_stream.embedded.clickhouse.admission import Admission
from openride_stream.embedded.clickhouse.errors import ClickHouseError, Code
from openride_stream.embedded.clickhouse.execution import Execution
from openride_stream.embedded.clickhouse.session import Outcome, Session
from openride_stream.embedded.clickhouse.statements import parse_statement

SELECT = parse_statement(b"SELECT 1")
INSERT = parse_statement(b"INSERT INTO t FORMAT TSV")


class SlowToStart:
    """An engine that begins to read only when told, and knows a statement only from then on.

    A real engine does so by chance; what must hold is that the rows do not end before the kill has hit.
    """

    def __init__(self):
        self.begin = threading.Event()
        self.killed = threading.Event()
        self.reading = False
        self.committed = None

    def insert(self, statement, session, compression, fd):
        del statement, session, compression
        try:
            self.begin.wait(10)
            self.reading = True
            with open(fd, "rb", closefd=False) as rows:
                self.committed = not self.killed.is_set() if rows.read() is not None else None
            return Outcome()
        finally:
            os.close(fd)

    def kill(self, query_id):
        del query_id
        if self.reading:
            self.killed.set()
            return True
        self.begin.set()
        return False


class Aborted:
    """An engine that has stopped for good."""

    def run(self, statement, session, default_format):
        raise ClickHouseError(Code.ABORTED, "Aborted")


async def test_rows_that_break_off_end_only_after_the_kill_has_hit():
    engine = SlowToStart()
    execution = Execution(engine, Admission(1, 1, 1), pytest.fail)

    async def rows():
        yield b"1\n"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await execution.insert(INSERT, Session("a"), "none", rows())
    assert await execution.stop(5)
    assert engine.committed is False


async def test_an_engine_that_stopped_for_good_is_reported():
    seen = []
    execution = Execution(Aborted(), Admission(1, 1, 1), seen.append)
    with pytest.raises(ClickHouseError, match="Aborted"):
        await execution.run(SELECT, Session("a"), "TSV")
    await asyncio.sleep(0)
    assert seen == ["Aborted"]
    assert await execution.stop(5)
