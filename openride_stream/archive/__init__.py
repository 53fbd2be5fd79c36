"""Months past their retention as Parquet files: copied, read back, only then dropped; and restored."""
