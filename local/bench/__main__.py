"""Run the measurements: `python -m local.bench`."""

import sys

from local.bench.carrying import APART

if sys.argv[1:2] and sys.argv[1] in APART:
    APART[sys.argv[1]](*sys.argv[2:])
else:
    from local.bench.main import main

    main()
