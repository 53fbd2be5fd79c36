"""The independent reference: the contract's figures in plain Python.

Written from the outside contract and docs/decisions/ alone; it shares no code with the
application, so that the two can only agree by being right (or by both reading the contract wrongly).
"""
