"""Comparing what both sides have."""
