"""Making the zips of the functions: what build.sh calls."""
