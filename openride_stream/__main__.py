"""`python -m openride_stream` is `openride`."""

from openride_stream.cli.main import main

main()
