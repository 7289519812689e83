"""A real browser: Debian's chromium, headless, told what to do by the DevTools protocol over a pipe."""

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Self

from rig.patience import eventually


class Browser:
    """A running chromium; `close` ends it. What a page says is kept in `console` and `requests`."""

    def __init__(self, directory: Path) -> None:
        ours, theirs = os.pipe(), os.pipe()
        command = [
            *("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *("--no-first-run", "--disable-extensions", "--disable-background-networking", "--hide-scrollbars"),
            *("--remote-debugging-pipe", f"--user-data-dir={directory / 'chromium'}", "about:blank"),
        ]

        def give_pipes() -> None:  # chromium reads from 3 and writes to 4
            kept = [os.dup(theirs[0]), os.dup(ours[1])]
            os.dup2(kept[0], 3)
            os.dup2(kept[1], 4)

        self._process = subprocess.Popen(
            command, preexec_fn=give_pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(theirs[0])
        os.close(ours[1])
        self._out, self._in = os.fdopen(theirs[1], "wb", buffering=0), os.fdopen(ours[0], "rb")
        self._buffer = b""
        self._number = 0
        self._pages: dict[str, Page] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._out.close()
        self._in.close()

    def page(self, width: int = 1280, height: int = 900, *, dark: bool = False, script: bool = True) -> "Page":
        """A new empty tab of this size; a narrow one is a phone's."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session, target)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.call(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", {"features": [scheme]})
        if not script:
            page.call("Emulation.setScriptExecutionDisabled", {"value": True})
        return page

    def call(self, method: str, params: dict[str, Any] | None = None, session: str | None = None) -> dict[str, Any]:
        """One command of the protocol; its result."""
        self._number += 1
        command: dict[str, Any] = {"id": self._number, "method": method, "params": params or {}}
        if session is not None:
            command["sessionId"] = session
        self._out.write(json.dumps(command).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == self._number:
                assert "error" not in message, (method, message["error"])
                result: dict[str, Any] = message["result"]
                return result
            if (page := self._pages.get(message.get("sessionId", ""))) is not None:
                page.heard(message["method"], message["params"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            octets = self._in.read1(1 << 20)
            assert octets, "chromium has ended"
            self._buffer += octets
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self.target = target
        self.console: list[str] = []
        """Errors and warnings, exceptions too."""
        self.requests: list[str] = []
        """Addresses that were asked for."""

    def heard(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.console.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.console.append(str([argument.get("value") for argument in params["args"]]))
        elif method == "Runtime.exceptionThrown":
            self.console.append(str(params["exceptionDetails"].get("exception", params["exceptionDetails"])))

    def call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._browser.call(method, params, self._session)

    def go(self, url: str) -> None:
        """Loads the page, its style and script too."""
        self.call("Page.navigate", {"url": url})
        eventually(lambda: self.read("location.href !== 'about:blank' && document.readyState === 'complete'"))

    def read(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        found = self.call("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, expression: str, timeout: float = 10.0) -> Any:
        """The expression's value as soon as it is true."""
        return eventually(lambda: self.read(expression), timeout)

    def text(self, selector: str = "body") -> str:
        """What a reader sees of it."""
        return str(self.read(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def shows(self, words: str, selector: str = "body", timeout: float = 10.0) -> str:
        """The text of an element as soon as it has these words."""
        return eventually(lambda: text if words in (text := self.text(selector)) else "", timeout)

    def click(self, selector: str) -> None:
        self.read(f"document.querySelector({json.dumps(selector)}).click()")

    def shot(self) -> bytes:
        """The whole page as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        params = {"format": "png", "captureBeyondViewport": True, "clip": clip}
        return base64.b64decode(self.call("Page.captureScreenshot", params)["data"])
