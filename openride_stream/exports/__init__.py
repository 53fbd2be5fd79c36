"""Analysts' own queries as files: read, judged and rewritten here, written by processes of their own."""
