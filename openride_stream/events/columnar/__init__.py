"""Batches of records that are alike, read as columns."""
