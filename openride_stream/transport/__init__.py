"""Kafka to agents, a batch of records at a time."""
