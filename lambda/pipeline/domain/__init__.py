"""Nouns and rules of the pipeline: pure, without imports from any other room."""
