"""Excel workbooks, written row by row: what exports and reports have in common."""
