"""A disk with kensa on it, put there by the install script as on a Pi, and the station that the tests drive.

The script runs in the image's own Debian but on the host's processor, which is 30 times faster than the machine's;
that it works on a running system, twice and backwards, is a test of its own.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.vm.image import (
    ROOT,
    base_image,
    cache_folder,
    copy_disk,
    digest,
    exclusive,
    kensa_needs,
    mounted,
    wheels,
)

STATION = """\
station: vm
bundle: demo
data: /var/lib/kensa
deadline_ms: 20000            # emulated, on a busy host: nothing here is about time
faults_until_halt: 1000
camera: {camera}
trigger: {trigger}
outputs: {outputs}
web: {{host: 127.0.0.1, port: 8080}}
"""
VIVID = "{driver: v4l2, device: /dev/video3, width_px: 640, height_px: 480, pixel_format: RGB3, fps: 10}"
GPIO_TRIGGER = "{driver: gpio, line: GPIO17, pull: none, debounce_ms: 2}"
HOLD_MS = 300
GPIO_OUTPUTS = f"""
  driver: gpio
  ok: {{line: GPIO22, hold_ms: {HOLD_MS}}}
  ng: {{line: GPIO23, hold_ms: {HOLD_MS}}}
  fault: {{line: GPIO24, hold_ms: {HOLD_MS}}}
  busy: {{line: GPIO25}}
  ready: {{line: GPIO26}}
  heartbeat: {{line: GPIO27, period_ms: 2000}}"""
SLOW = """\
[Service]
# Everything takes 30 times as long here.
WatchdogSec=120
TimeoutStartSec=600
TimeoutStopSec=120
"""


def kensa_wheel(folder: Path) -> Path:
    """The project as a wheel. Returns its path."""
    command = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    return next(folder.glob("kensa-*.whl"))


def wheelhouse(folder: Path) -> Path:
    """kensa's wheel with everything that it needs, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in wheels(architecture="x86_64", requirements=kensa_needs()).glob("*.whl"):
        shutil.copy(wheel, folder)
    kensa_wheel(folder)
    return folder


def installed_image(*, camera: str = VIVID, trigger: str = GPIO_TRIGGER, outputs: str = GPIO_OUTPUTS) -> Path:
    """A disk that starts kensa at boot. Made anew when the project has changed; older ones are removed."""
    station = STATION.format(camera=camera, trigger=trigger, outputs=outputs)
    sources = sorted(path for name in ("edge", "systemd") for path in (ROOT / name).rglob("*") if path.is_file())
    content = [path.read_bytes().hex() for path in sources if "__pycache__" not in path.parts]
    image = cache_folder() / f"kensa-{digest(station, SLOW, *content)}.img"
    base = base_image()
    with exclusive():
        if not image.is_file():
            for old in cache_folder().glob("kensa-*.img"):
                old.unlink()
            part = image.with_suffix(".part")
            copy_disk(base, part)
            with mounted(part) as root:
                _install(root, station)
            part.rename(image)
    return image


def _install(root: Path, station: str) -> None:
    shutil.copytree(ROOT / "systemd", root / "opt" / "install", ignore=shutil.ignore_patterns("wheels"))
    wheelhouse(root / "opt" / "install" / "wheels")
    (root / "etc" / "kensa").mkdir()
    (root / "etc" / "kensa" / "station.yaml").write_text(station)
    slower = root / "etc" / "systemd" / "system" / "kensa.service.d"
    slower.mkdir()
    (slower / "slow.conf").write_text(SLOW)
    inside = ["unshare", "--mount", "--pid", "--fork", f"--mount-proc={root}/proc", "chroot", str(root)]
    done = subprocess.run([*inside, "/opt/install/install.sh"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
