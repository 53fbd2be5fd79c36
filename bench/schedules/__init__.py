"""How quickly everything about schedules is answered, over a month of executions."""
