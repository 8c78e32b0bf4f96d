"""Tying out a month: read both sides, compare, and write the report."""
