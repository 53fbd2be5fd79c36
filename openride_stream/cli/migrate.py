"""`openride migrate`: topics, ClickHouse tables and the metadata schema, brought to this version."""

import asyncio

import click

from openride_stream.clickhouse.client import ClickHouse
from openride_stream.clickhouse.migrate import migrate
from openride_stream.clickhouse.retention import waiting
from openride_stream.embedded.here import settings_here
from openride_stream.kafka.topics import create_topics
from openride_stream.logs import quiet_kafka
from openride_stream.metadata.migrate import upgrade
from openride_stream.settings import Settings


@click.command(name="migrate")
@click.option(
    "--expire",
    is_flag=True,
    help="Let months expire again that wait for `openride archive`, where OPENRIDE_ARCHIVE is off.",
)
def command(expire: bool) -> None:
    """Create what is missing; safe to run again, and from several places at once.

    Where no address is set, the embedded stack that runs in OPENRIDE_DATA_DIR is meant.
    """
    settings, _ = settings_here()
    with quiet_kafka():
        asyncio.run(_migrate(settings, expire=expire))


async def _migrate(settings: Settings, *, expire: bool) -> None:
    created = await create_topics(settings)
    click.echo(f"Kafka       {len(created)} topics created" if created else "Kafka       topics are there")
    store = ClickHouse.open(settings)
    try:
        applied = await migrate(store, settings, expire=expire)
        left = await waiting(store, settings)
    finally:
        await store.close()
    names = ", ".join(f"{migration.version:04d}_{migration.name}" for migration in applied)
    click.echo(f"ClickHouse  {names or 'schema is current'}")
    if left:
        click.echo(
            f"Retention   NOT as set: months of {', '.join(left)} wait for `openride archive` and do not "
            "expire, though OPENRIDE_ARCHIVE is off. Set it, or let them go: `openride migrate --expire`",
            err=True,
        )
    click.echo(f"Metadata    at revision {await upgrade(settings.metadata_url)}")
