"""Out of the tracking table into the books."""
