"""That something goes on, and how far it is, on standard error while the demo works."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOKED_EVERY_S = 1.0
# Looking takes time from what is looked at.
LOOKING_SHARE_MAX = 0.1
# A line that says nothing new comes as seldom as a person begins to wonder.
SAID_AGAIN_S = 10.0


@contextmanager
def progress(what: str, count: Callable[[], str] | None = None) -> Iterator[None]:
    """Print `what` and its count each second in which the count has changed, and otherwise every ten seconds.

    Without a count the seconds are printed, every ten of them.
    """
    done = threading.Event()
    began = time.monotonic()

    def watch() -> None:
        last, said_at = "", began
        wait_s = LOOKED_EVERY_S
        while not done.wait(wait_s):
            looked_at = time.monotonic()
            now = count() if count else ""
            looking_s = time.monotonic() - looked_at
            wait_s = min(max(LOOKED_EVERY_S, looking_s / LOOKING_SHARE_MAX), SAID_AGAIN_S)
            waited = time.monotonic() - said_at >= SAID_AGAIN_S
            if now != last or waited:
                seconds = f"{time.monotonic() - began:.0f} s"
                shown = now if now != last else f"{now} ({seconds})".lstrip()
                print(f"  {what}: {shown}", file=sys.stderr, flush=True)
                last, said_at = now, time.monotonic()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
