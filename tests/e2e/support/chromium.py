"""A Chromium that is driven over its debugging pipe (Chrome DevTools Protocol): tabs, clicks, cookies, screenshots."""

from __future__ import annotations

import base64
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from typing_extensions import Self

OPTIONS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    # The balancer's certificate is made for the test.
    "--ignore-certificate-errors",
    "--remote-debugging-pipe",
]
# Chromium reads commands from descriptor 3 and answers on 4, a zero byte after each.
LAUNCH = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
SECONDS = 60.0
STOP_SECONDS = 10.0
# A page that redirects has a moment without a document; what is asked then is asked again.
POLL_SECONDS = 0.05


class Chromium:
    """One browser with a profile of its own; `with Chromium(path, folder) as browser`."""

    def __init__(self, binary: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (read, self._write), (self._read, write) = os.pipe(), os.pipe()
        command = [sys.executable, "-c", LAUNCH, str(read), str(write), binary]
        self._log = open(folder / "chromium.log", "wb")  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(
            [*command, *OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            pass_fds=(read, write),
            start_new_session=True,
        )
        os.close(read)
        os.close(write)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self.events: list[dict[str, Any]] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """In: a command of the protocol. Out: its result; fails on an error."""
        number = next(self._numbers)
        answer: queue.Queue[dict[str, Any]] = queue.Queue(1)
        self._answers[number] = answer
        message = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        with self._lock:
            os.write(self._write, json.dumps(message).encode() + b"\0")
        reply = answer.get(timeout=SECONDS)
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']['message']}")
        return reply["result"]

    def _listen(self) -> None:
        rest = b""
        while more := os.read(self._read, 1 << 20):
            *messages, rest = (rest + more).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._answers.pop(message["id"]).put(message)
                else:
                    self.events.append(message)

    def profile(self) -> str:
        """Out: a new person at this browser: cookies of their own."""
        return str(self.call("Target.createBrowserContext", disposeOnDetach=True)["browserContextId"])

    def forget(self, profile: str) -> None:
        """In: a person. Takes them away, with tabs and cookies."""
        self.call("Target.disposeBrowserContext", browserContextId=profile)

    def tab(self, profile: str, url: str = "about:blank") -> Tab:
        """In: whose it is, and where it begins. Out: a new tab."""
        target = self.call("Target.createTarget", url="about:blank", browserContextId=profile)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session, profile)
        for domain in ("Page", "Network", "Runtime"):
            self.call(f"{domain}.enable", session)
        if url != "about:blank":
            tab.go(url)
        return tab

    def cookies(self, profile: str) -> list[dict[str, Any]]:
        """In: a person. Out: all their cookies, values included."""
        return list(self.call("Storage.getCookies", browserContextId=profile)["cookies"])

    def stop(self) -> None:
        """Ends it."""
        try:
            self.call("Browser.close")
            self._process.wait(STOP_SECONDS)
        except (OSError, RuntimeError, queue.Empty, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._log.close()


class Tab:
    """One tab."""

    def __init__(self, browser: Chromium, session: str, profile: str) -> None:
        self._browser = browser
        self.session = session
        self.profile = profile

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """In: a command of the protocol, for this tab. Out: its result."""
        return self._browser.call(method, self.session, **parameters)

    def go(self, url: str) -> None:
        """In: an address, as a person types it. Returns when its page begins to load."""
        answer = self.call("Page.navigate", url=url)
        # A status without a body aborts the navigation, and a test can see that.
        self.error = answer.get("errorText")

    def run(self, script: str) -> Any:
        """In: an expression, which may be a promise. Out: its value."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", "an exception"))
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = SECONDS) -> Any:
        """In: an expression. Out: its value once it is true; the page may change meanwhile."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                value = self.run(condition)
            except RuntimeError:
                value = None
            if value:
                return value
            time.sleep(POLL_SECONDS)
        raise AssertionError(
            f"not within {seconds:.0f} s: {condition}; the tab is at {self.where()}: {self.text()[:600]}"
        )

    def at(self, start: str) -> str:
        """In: the beginning of an address. Out: the whole of it, when the tab is there and has loaded."""
        quoted = json.dumps(start)
        return str(
            self.wait(f"document.readyState === 'complete' && location.href.startsWith({quoted}) && location.href")
        )

    def where(self) -> str:
        """Out: its address."""
        return str(self.run("location.href"))

    def text(self) -> str:
        """Out: what can be read on it."""
        return str(self.run("document.body ? document.body.innerText : ''"))

    def fill(self, selector: str, text: str) -> None:
        """In: a field and what goes in."""
        self.run(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(text)}")

    def click(self, selector: str) -> None:
        """In: what to click, as a person does, so that the browser counts it as theirs."""
        quoted = json.dumps(selector)
        self.wait(f"!!document.querySelector({quoted})")
        box = self.run(
            f"(() => {{ const one = document.querySelector({quoted}); one.scrollIntoView({{block: 'center'}});"
            " const box = one.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            where = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, **where)

    def scheme(self, name: str) -> None:
        """In: `light` or `dark`, as the person prefers."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def screenshot(self, path: Path, width: int = 720, height: int = 420) -> None:
        """In: a file. Writes what the tab shows, as PNG."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def events(self, method: str) -> list[dict[str, Any]]:
        """In: the name of an event. Out: what this tab has told by it."""
        return [
            event["params"]
            for event in list(self._browser.events)
            if event.get("sessionId") == self.session and event["method"] == method
        ]
