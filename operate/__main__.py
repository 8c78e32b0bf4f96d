"""`./oqb`: the command line of a deployment."""

from __future__ import annotations

from operate.cli import main

main()
