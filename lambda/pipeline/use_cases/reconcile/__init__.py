"""What both sides have, compared."""
