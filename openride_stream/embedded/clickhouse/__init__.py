"""ClickHouse in one process: the chDB engine behind ClickHouse's own HTTP interface.

Start it with `python -m openride_stream.embedded.clickhouse --path DIR --port N`. Clients that speak to a
ClickHouse server (aiochclient, clickhouse-connect, curl) speak to it unchanged.
"""
