"""A real browser for the tests, through Chromium's debugging pipe; nothing but the browser itself is needed."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio"),
]
LEFT = (  # what the browser answers when a page was reloaded or left while it was asked
    "Inspected target navigated or closed",
    "Execution context was destroyed.",
    "Cannot find context with specified id",
)


class PageLeftError(Exception):
    """The page that was asked has given way to another before it answered."""


class Browser:
    """One page in one window. Raises TimeoutError when the browser does not answer."""

    def __init__(self, profile: Path, *, width: int = 1280, height: int = 800, language: str = "en") -> None:
        assert CHROMIUM is not None
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        arguments = [f"--user-data-dir={profile}", f"--window-size={width},{height}", f"--accept-lang={language}"]
        # The pipe's ends must be 3 and 4 in the browser; a shell moves them there.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 50) for end in (commands, answers)]
        move = 'exec "$@" 3<&{0} 4>&{1} {0}<&- {1}>&-'.format(*ends)
        self._process = subprocess.Popen(
            ["bash", "-c", move, "browser", CHROMIUM, *QUIET, *arguments, "--remote-debugging-pipe", "about:blank"],
            pass_fds=ends,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (commands, answers, *ends):
            os.close(end)
        self._numbers = count(1)
        self._buffer = b""
        self.events: list[dict[str, Any]] = []  # what the page said without being asked
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def complaints(self) -> list[str]:
        """What the page has written to the console as errors or warnings, and what it threw, since the start."""
        self.evaluate("1")  # collects what is on its way
        found = []
        for event in self.events:
            said = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(said["exceptionDetails"]))
            elif event["method"] == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
                found.append(f"{said['entry']['text']} {said['entry'].get('url', '')}")
            elif event["method"] == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
                found.append(str(said["args"]))
        return found

    def requested(self) -> list[str]:
        """Every address that the page has asked for since the start; what stands in the address itself is none."""
        self.evaluate("1")
        sent = [event["params"] for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [url for one in sent if not (url := str(one["request"]["url"])).startswith("data:")]

    def accessibility_faults(self) -> list[str]:
        """What axe-core finds of serious or critical impact on the page as it is, with the first place of each."""
        self.evaluate(AXE.read_text(encoding="utf-8") + ";0")
        found = self.evaluate("axe.run({resultTypes: ['violations']}).then((done) => done.violations)")
        return [
            f"{fault['id']}: {fault['help']}: {fault['nodes'][0]['html']} {fault['nodes'][0]['failureSummary']}"
            for fault in found
            if fault["impact"] in ("serious", "critical")
        ]

    def press(self, key: str) -> None:
        """Press one key, such as Tab or Enter."""
        text = {"text": "\r"} if key == "Enter" else {}
        code = {"Tab": 9, "Enter": 13, "Escape": 27}[key]
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def call(self, method: str, *, timeout_s: float = 60.0, **parameters: object) -> Any:
        """Send one command and return its result."""
        number = next(self._numbers)
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            answer = json.loads(self._next_message())
            if answer.get("id") == number:
                if answer.get("error", {}).get("message") in LEFT:
                    raise PageLeftError(answer["error"]["message"])
                assert "error" not in answer, answer
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)
        raise TimeoutError(method)

    def begin_anew(self, url: str, *, width: int, height: int, language: str) -> None:
        """As if it had just been started with this window and language: nothing is left of what it knew of the site."""
        self.call("Network.clearBrowserCookies")
        self.call("Storage.clearDataForOrigin", origin=url, storageTypes="all")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
        self.open("about:blank")
        self.wait_for("location.href === 'about:blank'")
        self.events.clear()

    def open(self, url: str) -> None:
        """Go to an address; does not wait for it."""
        self.call("Page.navigate", url=url)

    def sign_in(self, address: str, who: tuple[str, str], *, to: str) -> None:
        """Sign somebody in at a site, by name and password, on the way to a path of it; does not wait for that."""
        self.open(f"{address.rstrip('/')}/sign-in?next={to}")
        self.wait_for("document.querySelector('input[name=password]') !== null")
        name, password = who
        self.evaluate(
            f"document.querySelector('input[name=name]').value = '{name}';"
            f"document.querySelector('input[name=password]').value = '{password}';"
            "document.querySelector('main form').requestSubmit()"
        )

    def choose(self, identifier: str, value: str) -> None:
        """Have one of a list's values chosen, as a person does."""
        self.evaluate(
            f"(() => {{ const list = document.getElementById('{identifier}'); list.value = '{value}';"
            "list.dispatchEvent(new Event('change')); })()"
        )

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression. Raises PageLeftError when the page went away while it was asked."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, expression: str, *, seconds: float = 30.0) -> Any:
        """Wait until an expression is true, on this page or on the one that follows it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(PageLeftError):
                if value := self.evaluate(expression):
                    return value
            time.sleep(0.05)
        raise TimeoutError(expression)

    def screenshot(self, path: Path) -> None:
        """Write what the window shows."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait(20)
        os.close(self._commands)
        os.close(self._answers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next_message(self) -> bytes:
        while b"\0" not in self._buffer:
            chunk = os.read(self._answers, 65536)
            if not chunk:
                raise TimeoutError("the browser has ended")
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        return message
