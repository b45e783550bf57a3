"""What looks at the machine from beside the station: heat, power, disk. It may only ask for not being READY.

Each looks every few seconds, in one thread of its own, so that a disk or a sensor that hangs holds up nobody.
"""

import logging
import shutil
import threading
import time
from pathlib import Path
from typing import Protocol, Self

from edge.config import Watch

log = logging.getLogger(__name__)

INTERVAL_S = 2.0
LONGEST_SILENCE_S = 30.0
COOLED_BY_C = 5.0
CALM_S = 10.0  # how long the supply must be well before it is believed
UNDERVOLTAGE_NOW, THROTTLED_NOW = 0x1, 0x6  # bits of the firmware's get_throttled; 0x2 is the capped frequency
SYS = Path("/sys")
LOW_VOLTAGE = "the supply voltage is too low: use a stronger supply or a shorter cable"


class Watcher(Protocol):
    """Looks at one thing."""

    def look(self) -> str | None:
        """What is wrong, in one sentence, or None. Raises OSError or ValueError when it cannot be told."""
        ...


class Heat:
    """The processor's temperature, where the machine tells it as a Pi does."""

    def __init__(self, *, hottest_c: float, sys: Path = SYS) -> None:
        self._hottest_c, self._is_hot = hottest_c, False
        self._files = _thermometers(sys)

    def look(self) -> str | None:
        """Too hot from the limit on, until it has cooled by some degrees."""
        found_c = max((int(file.read_text()) / 1000 for file in self._files), default=0.0)
        self._is_hot = found_c >= self._hottest_c - (COOLED_BY_C if self._is_hot else 0.0)
        return f"the processor has {found_c:.0f} °C, {self._hottest_c:g} are too many" if self._is_hot else None


class Power:
    """Undervoltage, from the firmware's flags or the supply's alarm; throttling is only written into the log."""

    def __init__(self, *, sys: Path = SYS) -> None:
        self._throttled = sys / "devices" / "platform" / "soc" / "soc:firmware" / "get_throttled"
        monitors = sorted((sys / "class" / "hwmon").glob("hwmon*"))
        self._alarms = [place / "in0_lcrit_alarm" for place in monitors if _text(place / "name") == "rpi_volt"]
        self._bad_until_s = 0.0
        self._was_throttled = False

    def look(self) -> str | None:
        """A supply that was too weak within the last seconds. What a dip does to a picture or a disk nobody knows."""
        flags = int(self._throttled.read_text(), 16) if self._throttled.exists() else 0
        is_throttled = bool(flags & THROTTLED_NOW)
        if is_throttled != self._was_throttled:
            self._was_throttled = is_throttled
            log.warning("the processor is %s", "throttled" if is_throttled else "at full speed again")
        is_low = bool(flags & UNDERVOLTAGE_NOW) or any(int(file.read_text()) for file in self._alarms)
        now = time.monotonic()
        if is_low:
            self._bad_until_s = now + CALM_S
        return (
            "the supply voltage is too low: use a stronger supply or a shorter cable"
            if now < self._bad_until_s
            else None
        )


class Disk:
    """Room for records and pictures."""

    def __init__(self, folder: Path, *, least_free_mb: float) -> None:
        self._folder, self._least_free_mb = folder, least_free_mb

    def look(self) -> str | None:
        """Too little room."""
        free_mb = shutil.disk_usage(self._folder).free / 1e6
        if free_mb >= self._least_free_mb:
            return None
        return f"{free_mb:.0f} MB are free for records in {self._folder}, at least {self._least_free_mb:g} are needed"


class Watchers:
    """All of them, from `start` to `close`."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers
        self._trouble: str | None = None
        self._looked_s = time.monotonic()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchers", daemon=True)

    @property
    def trouble(self) -> str | None:
        """Why the station should not be READY; None if all is well."""
        if time.monotonic() - self._looked_s > LONGEST_SILENCE_S and not self._ending.is_set():
            return "nobody watches heat, power and disk any more; restart the station"
        return self._trouble

    def start(self) -> None:
        """Look once, then every few seconds."""
        self.look()
        self._thread.start()

    def close(self) -> None:
        """Look no more. May be called twice; does not wait for a look that hangs."""
        self._ending.set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def look(self) -> None:
        """Ask every watcher now."""
        troubles = [_answer(watcher) for watcher in self._watchers]
        found = next(filter(None, troubles), None)
        if found != self._trouble:
            log.warning("watchers: %s", found or "all is well again")
        self._trouble, self._looked_s = found, time.monotonic()

    def _run(self) -> None:
        while not self._ending.wait(INTERVAL_S):
            self.look()


def watchers_of(folder: Path, limits: Watch) -> Watchers:
    """Those of a station with its data in `folder`."""
    return Watchers(Heat(hottest_c=limits.hottest_c), Power(), Disk(folder, least_free_mb=limits.least_free_mb))


def processor_c(sys: Path = SYS) -> float | None:
    """The processor's temperature now, None where the machine does not tell it as a Pi does."""
    found = [_text(file) for file in _thermometers(sys)]
    return max((int(text) / 1000 for text in found if text.lstrip("-").isdecimal()), default=None)


def _thermometers(sys: Path) -> list[Path]:
    zones = sorted((sys / "class" / "thermal").glob("thermal_zone*"))
    return [zone / "temp" for zone in zones if _text(zone / "type") == "cpu-thermal"]


def _answer(watcher: Watcher) -> str | None:
    try:
        return watcher.look()
    except (OSError, ValueError) as error:
        return f"the {type(watcher).__name__.lower()} cannot be told: {error}"


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
