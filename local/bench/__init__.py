"""What the pipeline costs and how fast it is, measured on the stand-ins. `make bench` prints the table."""
