"""The demo: recorded documents, books to post them to, the run itself, and its report."""
