"""What is not an event: job slots, and later report schedules; PostgreSQL, or SQLite when embedded."""
