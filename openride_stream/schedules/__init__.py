"""Schedule executions that come in over HTTP: the same way in as every record."""
