"""The process that writes one export: what it costs, and what it dies of, is not the worker's.

It is given a `WritingTask` on its standard input, which stays open for as long as the worker lives, and tells
of its progress on its standard output, a JSON object a line.
"""
