"""The commands, by what a person wants: look, run, connect, check, examine."""

from __future__ import annotations

from collections.abc import Mapping

# The module of each command, in the order in which the help lists them: that of a person's day. Each adds its commands
# to the group, and is imported when one of them is asked for: all of them take a third of a second.
MODULES: Mapping[str, str] = {
    **dict.fromkeys(("status", "list"), "look"),
    "check": "check",
    "connect": "connect",
    "doctor": "doctor",
    **dict.fromkeys(("tie-out", "close", "report", "explain", "accept", "audit"), "month_end"),
    **dict.fromkeys(("pull", "plan", "post", "retry", "redrive", "rebuild", "start-over", "orders"), "run"),
}
