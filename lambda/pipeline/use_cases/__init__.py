"""What the pipeline does, by subject, with the Protocols of its collaborators."""
