"""What makes a function's start cheap: no collection of garbage meanwhile, and no guessing of encodings.

What is imported, and the clients of AWS, live as long as the process. Making them takes so many objects that the
collector walks through all of them again and again, an eighth of the start's processor time, and finds nothing. So it
rests meanwhile, and never looks at them later: `gc.freeze` takes what exists then out of its sight.

Importing this module lets it rest. A handler imports it before anything else of ours, and calls `over` after its
imports; `runtime.aws_client` lets it rest while a client is made.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

gc.disable()
# Odoo, QuickBooks and Intuit say how their answers are encoded, or mean UTF-8. So the zips lack the library by which
# `requests` would guess (9 ms, 300 KB; `UNREACHED` in bundling/package.py), and it need not say so in every log.
warnings.filterwarnings("ignore", message="Unable to find acceptable character detection dependency")


def over() -> None:
    """Collect from now on what is made from now on."""
    gc.freeze()
    gc.enable()


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect nothing while something is made that lives as long as the process."""
    gc.disable()
    try:
        yield
    finally:
        over()
