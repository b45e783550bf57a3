"""What the machine under a station should be: wires that fall with their program, a clock that is set, enough power.

Each function gives one sentence when all is well, and raises DeviceFault with what is wrong and what to do.
"""

import time
from pathlib import Path

from edge.errors import DeviceFault
from edge.watchers import Power

ROOT = Path("/")
BOOT_CONFIG = Path("boot/firmware/config.txt")
KEEPS_OUTPUTS = Path("sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs")
SYNCHRONISED = Path("run/systemd/timesync/synchronized")
GET_THROTTLED = Path("sys/devices/platform/soc/soc:firmware/get_throttled")
THROTTLED_NOW, LOW_VOLTAGE_SINCE_START, THROTTLED_SINCE_START = 0x6, 0x10000, 0x60000

STRICT = "add the line dtparam=strict_gpiod to /boot/firmware/config.txt and restart the Pi"
STRONGER = "use a stronger supply or a shorter cable"


def check_wires_fall(root: Path = ROOT) -> str:
    """Whether an output goes off when its program dies; the kernel of a Raspberry Pi keeps it on unless told not to."""
    setting = root / KEEPS_OUTPUTS
    if setting.is_file():
        if setting.read_text().strip() not in ("N", "0"):
            raise DeviceFault(f"a wire stays on when the core has died, so an OK could stay: {STRICT}")
        return "off by themselves when the core has died"
    model = root / "proc" / "device-tree" / "model"
    if not model.is_file() or "Raspberry Pi" not in model.read_text(errors="replace"):
        return "off by themselves when the core has died, as with any kernel but the Raspberry Pi's"
    if not _has_strict_gpiod(root / BOOT_CONFIG):
        raise DeviceFault(f"it cannot be told whether a wire stays on when the core has died: {STRICT}")
    return "dtparam=strict_gpiod is set"


def check_clock(installed_s: float, root: Path = ROOT, *, now_s: float | None = None) -> str:
    """Whether the clock can be right. installed_s: a moment that has passed for certain; seconds since 1970."""
    now_s = time.time() if now_s is None else now_s
    words = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now_s))
    if now_s < installed_s:
        raise DeviceFault(
            f"the clock says {words}, which is before kensa was installed: connect a time server, or set it by hand "
            "(sudo timedatectl set-time)"
        )
    if (root / SYNCHRONISED).exists():
        return f"{words}, from a time server"
    return f"{words}; no time server since the start, so times in records may be off (their order is right)"


def check_power(root: Path = ROOT) -> str:
    """Whether supply and cooling have been enough since the start, as far as the machine can tell."""
    low = Power(sys=root / "sys").look()
    if low is not None:
        raise DeviceFault(low)
    file = root / GET_THROTTLED
    if not file.is_file():
        return "nothing here tells of undervoltage or throttling"
    flags = int(file.read_text(), 16)
    if flags & LOW_VOLTAGE_SINCE_START:
        raise DeviceFault(f"the supply voltage has been too low since the Pi was started: {STRONGER}")
    if flags & THROTTLED_NOW:
        raise DeviceFault("the processor is slowed down at this moment: it is too hot, so cool it")
    if flags & THROTTLED_SINCE_START:
        raise DeviceFault("the processor has been slowed down since the Pi was started: it was too hot, so cool it")
    return "enough voltage and cooling since the start"


def _has_strict_gpiod(config: Path) -> bool:
    lines = config.read_text(errors="replace").splitlines() if config.is_file() else []
    options = [
        line.split("#")[0].strip().removeprefix("dtparam=") for line in lines if "dtparam=" in line.split("#")[0]
    ]
    return any(option in ("strict_gpiod", "strict_gpiod=on") for line in options for option in line.split(","))
