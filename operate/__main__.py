"""`./oqb`: the command line of a deployment."""

from __future__ import annotations

import sys

from operate.errors import STOPPED

try:
    # Imported here, because importing takes a second in which a person may change their mind.
    from operate.cli import PROGRAM, World, cli

    cli(prog_name=PROGRAM, obj=World())
except KeyboardInterrupt:
    print("Stopped.", file=sys.stderr)
    sys.exit(STOPPED)
