"""Run the measurements: `python -m local.bench`."""

import sys

if sys.argv[1:2] in (["pull-on"], ["post-all"]):
    # All else takes longer to import than these two take to start.
    from local.bench.carrying import APART

    APART[sys.argv[1]](*sys.argv[2:])
else:
    from local.bench.main import main

    main()
