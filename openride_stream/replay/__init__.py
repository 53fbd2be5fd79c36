"""Replay: real taxi trips turned into full life cycles of events, and sent to Kafka.

Pure generators (`trips` to `faults`) are apart from sending (`sender`, `run`, `demo`).
"""
