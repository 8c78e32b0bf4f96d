"""The checks of `doctor`, by where they look: what Terraform has made, and the two sides of each company."""
