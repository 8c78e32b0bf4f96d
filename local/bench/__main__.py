"""Run the measurements: `python -m local.bench`."""

from local.bench.main import main

main()
