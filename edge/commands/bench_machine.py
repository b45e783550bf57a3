"""What the machine is, and how it was while it was measured: governor, temperature, throttling, other load."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from edge.machine import GET_THROTTLED, ROOT, THROTTLED_NOW, THROTTLED_SINCE_START
from edge.watchers import processor_c

POLICY = Path("sys/devices/system/cpu/cpu0/cpufreq")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What it is; None for what it does not tell."""

    model: str | None
    processors: int
    most_mhz: int | None
    kernel: str
    python: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How it was at a moment; None for what it does not tell. load: of the last minute, as `uptime` has it."""

    governor: str | None
    frequency_mhz: int | None
    temperature_c: float | None
    is_throttled: bool | None
    was_throttled: bool | None
    load: float

    def __str__(self) -> str:
        """In words; what is not told is said."""
        heat = "temperature not told" if self.temperature_c is None else f"{self.temperature_c:.0f} °C"
        throttled = {True: "THROTTLED", False: "not throttled", None: "throttling not told"}[self.is_throttled]
        return f"governor {self.governor or 'not told'}, {heat}, {throttled}, load {self.load}"


def machine(root: Path = ROOT) -> Machine:
    """This one."""
    return Machine(
        model=_text(root / "proc" / "device-tree" / "model") or _processor(root / "proc" / "cpuinfo"),
        processors=len(os.sched_getaffinity(0)),
        most_mhz=_mhz(root / POLICY / "cpuinfo_max_freq"),
        kernel=platform.release(),
        python=platform.python_version(),
    )


def conditions(root: Path = ROOT) -> Conditions:
    """How it is now."""
    flags = _text(root / GET_THROTTLED)
    throttled = int(flags, 16) if flags else None
    return Conditions(
        governor=_text(root / POLICY / "scaling_governor"),
        frequency_mhz=_mhz(root / POLICY / "scaling_cur_freq"),
        temperature_c=processor_c(root / "sys"),
        is_throttled=None if throttled is None else bool(throttled & THROTTLED_NOW),
        was_throttled=None if throttled is None else bool(throttled & THROTTLED_SINCE_START),
        load=round(os.getloadavg()[0], 2),
    )


def _processor(file: Path) -> str | None:
    lines = (_text(file) or "").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def _mhz(file: Path) -> int | None:
    text = _text(file)
    return int(text) // 1000 if text and text.isdecimal() else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip().rstrip("\0") or None
    except OSError:
        return None
