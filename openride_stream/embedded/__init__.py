"""The one-command stack: real engines on the loopback interface, supervised; for `openride up` and tests."""
