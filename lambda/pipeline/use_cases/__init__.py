"""What the pipeline does, by subject, with the Protocols it needs."""
