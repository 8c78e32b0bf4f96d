"""The QuickBooks stand-in: keeps books, and refuses what QuickBooks refuses."""
