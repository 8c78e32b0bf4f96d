"""The QuickBooks Online edge: the wire, the tokens, and the translation of documents into QuickBooks' JSON."""
