"""The `openride` command: one command a file."""
