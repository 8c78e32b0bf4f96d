"""The QuickBooks Online edge: its wire, its tokens, and the translation of documents into its JSON."""
