"""`/v1/schedule-analytics/…`: executions of the three-tier scheduler."""
