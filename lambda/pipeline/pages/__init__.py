"""What a person opens: the report of a tie-out as a page, as a workbook, and as JSON."""
