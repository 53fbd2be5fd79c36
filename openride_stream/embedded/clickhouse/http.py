"""ClickHouse's HTTP interface: ping, and statements."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from openride_stream.embedded.clickhouse import answers
from openride_stream.embedded.clickhouse.access import authenticate, refuse_browsers
from openride_stream.embedded.clickhouse.errors import ClickHouseError
from openride_stream.embedded.clickhouse.execution import Execution
from openride_stream.embedded.clickhouse.policy import Policy
from openride_stream.embedded.clickhouse.requests import QueryRequest, query_id_of, read_query
from openride_stream.embedded.clickhouse.statements import Kind
from openride_stream.embedded.clickhouse.streaming import answer_select

_READS: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Frontend:
    """The handlers; `version` is the engine's, `password` that of the one user."""

    execution: Execution
    policy: Policy
    version: str
    password: str

    def application(self) -> web.Application:
        """The application that serves this interface."""
        app = web.Application()
        app.router.add_get("/ping", self.ping)
        app.router.add_get("/replicas_status", self.ping)
        app.router.add_get("/", self.statement)
        app.router.add_post("/", self.statement)
        return app

    async def ping(self, request: web.Request) -> web.Response:
        """Say that the engine is up."""
        del request
        return web.Response(text="Ok.\n", content_type="text/html", charset="UTF-8")

    async def statement(self, request: web.Request) -> web.StreamResponse:
        """Run one statement."""
        if request.method in _READS and "query" not in request.query:
            return await self.ping(request)
        query_id = ""
        try:
            query_id = query_id_of(request)
            refuse_browsers(request)
            authenticate(request, self.password)
            asked = await read_query(request, query_id, self.execution.inflate)
            self.policy.check(asked.statement.tokens)
            return await self._run(request, asked)
        except ClickHouseError as error:
            return answers.error_answer(error, query_id, self.version)

    async def _run(self, request: web.Request, asked: QueryRequest) -> web.StreamResponse:
        statement, session = asked.statement, asked.session
        if statement.kind is Kind.SELECT:
            return await answer_select(request, asked, self.execution, self.version)
        if statement.kind is Kind.INSERT:
            outcome = await self.execution.insert(statement, session, asked.row_compression, asked.rows)
            return web.Response(headers=answers.headers(session.query_id, outcome=outcome))
        output_format = statement.format or asked.default_format
        outcome = await self.execution.run(statement, session, output_format)
        return web.Response(
            body=outcome.body, headers=answers.headers(session.query_id, output_format, outcome=outcome)
        )
