"""Alembic's entry: runs migrations on the connection, and in the transaction, of `metadata.migrate`.

New revision: `make revision MESSAGE="add report schedules"`.
"""

import asyncio

from alembic import context
from sqlalchemy import Connection

from openride_stream.metadata.engine import create_engine
from openride_stream.metadata.models import Base


def run(connection: Connection) -> None:
    """Run the migrations that `context` was asked for. SQLite alters a table by copying it: batch mode."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_from_command_line() -> None:
    """`alembic` called by a developer, with the store's URL as `-x url=...`."""
    engine = create_engine(context.get_x_argument(as_dictionary=True)["url"])
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


given = context.config.attributes.get("connection")
if given is None:
    asyncio.run(run_from_command_line())
else:
    run(given)
