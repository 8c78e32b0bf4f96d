"""A real headless Chromium, driven over its debugging pipe: no library, no port, one page."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import time
from itertools import count
from pathlib import Path
from typing import Any

import axe_core_python
import pypdf
import pytest

ANSWERED_S = 60


def chromium() -> str:
    """Return where Chromium is. Skips the test where there is none, but fails it where CI is set."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        reason = "no Chromium on this machine, so nothing was tried in a real browser"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Browser:
    """One page of a headless Chromium."""

    def __init__(self, folder: Path) -> None:
        asked_read, self._asked = os.pipe()
        self._said, said_write = os.pipe()
        # Chromium reads the pipe on 3 and writes it on 4.
        command = f'exec "{chromium()}" "$@" 3<&{asked_read} 4>&{said_write}'
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--disable-background-networking", "--remote-debugging-pipe",
                   f"--user-data-dir={folder}"]  # fmt: skip
        self._process = subprocess.Popen(
            ["bash", "-c", command, "bash", *options, "about:blank"],
            pass_fds=(asked_read, said_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(asked_read)
        os.close(said_write)
        self._numbers = count(1)
        self._rest = b""
        self._session = ""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._asked, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + ANSWERED_S
        while time.monotonic() < until:
            while b"\0" not in self._rest:
                read = os.read(self._said, 65_536)
                assert read, "Chromium has ended"
                self._rest += read
            said, _, self._rest = self._rest.partition(b"\0")
            answer = json.loads(said)
            if answer.get("id") == number:
                # Between two pages there is none for a moment.
                if answer.get("error", {}).get("message") == "Not attached to an active page":
                    return {}
                assert "error" not in answer, answer
                return answer["result"]
        raise TimeoutError(method)

    def open(self, address: str) -> None:
        """Go to an address."""
        self._ask("Page.navigate", url=address)

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self._ask("Runtime.evaluate", expression=script, returnByValue=True)
        return answer.get("result", {}).get("value")

    def click(self, selector: str) -> None:
        """Click an element with the mouse, as soon as it is there."""
        box = self._wait(f"(e => e && JSON.stringify(e.getBoundingClientRect()))(document.querySelector({selector!r}))")
        place = json.loads(box)
        at = {"x": place["x"] + place["width"] / 2, "y": place["y"] + place["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)

    def text(self) -> str:
        """Return the text of the page."""
        return str(self._wait("document.body && document.body.innerText"))

    def _wait(self, script: str) -> Any:
        until = time.monotonic() + ANSWERED_S
        while time.monotonic() < until:
            value = self.run(script)
            if value:
                return value
            time.sleep(0.05)
        raise TimeoutError(script)

    def address(self, beginning: str) -> str:
        """Return the address in the bar as soon as it begins like that, even if no page is there."""
        until, found = time.monotonic() + ANSWERED_S, ""
        while time.monotonic() < until:
            history = self._ask("Page.getNavigationHistory")
            found = str(history["entries"][history["currentIndex"]]["url"]) if history else ""
            if found.startswith(beginning):
                return found
            time.sleep(0.05)
        raise TimeoutError(found)

    def show_on(self, *, width: int, scheme: str = "light") -> None:
        """Make the screen so wide, in pixels, and its colours `light` or `dark`."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=850, deviceScaleFactor=1,
                  mobile=width < 500)  # fmt: skip
        self._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def press(self, key: str) -> None:
        """Press a key, Tab or Enter."""
        code, text = {"Tab": (9, ""), "Enter": (13, "\r")}[key]
        for kind in ("keyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text)

    def printed(self) -> bytes:
        """Return the page on paper, as PDF."""
        return base64.b64decode(self._ask("Page.printToPDF", preferCSSPageSize=True)["data"])

    def pages_printed(self, file: Path) -> int:
        """Return how many pages of paper a file takes."""
        self.open(file.as_uri())
        self._wait(f"location.href === {file.as_uri()!r} && document.readyState === 'complete'")
        return len(pypdf.PdfReader(io.BytesIO(self.printed())).pages)

    def violations(self) -> list[str]:
        """Return what axe finds, as the rule and the first element that breaks it."""
        self.run((Path(axe_core_python.__file__).parent / "axe.min.js").read_text())
        self.run("""
            window.found = "";
            const failed = (error) => ({ violations: [{ id: String(error), nodes: [{ target: [] }] }] });
            axe.run(document).catch(failed).then((result) => { window.found = JSON.stringify(result); });
        """)
        found = json.loads(self._wait("window.found"))
        return [f"{rule['id']}: {rule['nodes'][0]['target']}" for rule in found["violations"]]

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait(timeout=30)
        os.close(self._asked)
        os.close(self._said)
