"""The fault harness: a seeded stream under seeded schedules of faults, judged against a reference.

`make faults` plays fifty schedules and more; `schedule.py` says how one is played again.
"""
