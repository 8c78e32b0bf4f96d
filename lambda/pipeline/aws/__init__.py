"""The AWS edge: tables, buckets, secrets, alerts and metrics."""
