"""ClickHouse: client, migrations, sink, pre-aggregations and queries; knows nothing of Faust."""
