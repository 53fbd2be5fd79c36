"""The completeness audit: every offset that was consumed is accounted for, or named as missing."""
