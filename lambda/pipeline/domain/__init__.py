"""Nouns and rules of the pipeline; pure, and knowing nobody."""
