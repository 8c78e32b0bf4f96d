"""After a loss: dead letters and a lost table."""
