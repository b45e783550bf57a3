"""A disk with kensa on it, put there by the install script as on a Pi, and the station that the tests drive.

The script runs in the image's own Debian but on the host's processor, which is 30 times faster than the machine's;
that it works on a running system, twice and backwards, is a test of its own.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from edge.drivers.connector import Defect, DefectKind, render
from edge.frame import Pixels
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

NO_WATCHDOG = """\
[Manager]
# An emulated processor can stand still for longer than a Pi's watchdog waits.
RuntimeWatchdogSec=off
"""
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
VIVID = """
  driver: v4l2
  device: /dev/video3
  width_px: 640
  height_px: 480
  pixel_format: YUYV
  fps: 60
  gain: 100"""
FEED = """\
[Unit]
Description=A film of parts that the simulated camera sees, over vivid's loop from its output to its input
Before=kensa.service
StartLimitIntervalSec=0
[Service]
RestartSec=1
ExecStartPre=v4l2-ctl -d /dev/video4 --set-output 1
ExecStartPre=v4l2-ctl -d /dev/video4 --set-dv-bt-timings index=0
ExecStartPre=v4l2-ctl -d /dev/video4 --set-fmt-video-out width=640,height=480,pixelformat=YUYV
ExecStartPre=v4l2-ctl -d /dev/video3 --set-input 3
ExecStartPre=v4l2-ctl -d /dev/video3 --set-dv-bt-timings index=0
ExecStartPre=v4l2-ctl -d /dev/video3 --set-ctrl loop_video=1,osd_text_mode=2
ExecStart=v4l2-ctl -d /dev/video4 --stream-out-mmap 3 --stream-from=/opt/vm/parts.yuyv --stream-loop
StandardOutput=null
StandardError=null
Restart=always
[Install]
WantedBy=multi-user.target
"""
FILM = tuple(range(1, 61))
DEFECTIVE = tuple(part for part in FILM if part % 3 == 0)
GPIO_TRIGGER = "{driver: gpio, line: GPIO17, pull: none, debounce_ms: 2}"
HOLD_MS = 800  # a busy host lets an emulated processor stand still for longer than a usual pulse
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
WatchdogSec=60
TimeoutStartSec=600
TimeoutStopSec=120
TimeoutAbortSec=20
"""


def film_frame(part: int) -> Pixels:
    """What the camera sees of one part, in its own format: (480, 640, 2) uint8, YUYV."""
    defect = Defect(kind=DefectKind.MISSING, pin="52", amount=1.0) if part in DEFECTIVE else None
    picture = render(seed=54, part=part, defect=defect)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_YUYV), dtype=np.uint8)


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
    sources = sorted(
        path for name in ("edge", "models", "systemd") for path in (ROOT / name).rglob("*") if path.is_file()
    )
    content = [path.read_bytes().hex() for path in sources if "__pycache__" not in path.parts]
    image = cache_folder() / f"kensa-{digest(station, SLOW, NO_WATCHDOG, FEED, repr(FILM), *content)}.img"
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
    (root / "opt" / "vm" / "parts.yuyv").write_bytes(b"".join(film_frame(part).tobytes() for part in FILM))
    units = root / "etc" / "systemd" / "system"
    (units / "line-feed.service").write_text(FEED)
    (units / "multi-user.target.wants" / "line-feed.service").symlink_to("../line-feed.service")
    slower = root / "etc" / "systemd" / "system" / "kensa.service.d"
    slower.mkdir()
    (slower / "slow.conf").write_text(SLOW)
    manager = root / "etc" / "systemd" / "system.conf.d"
    manager.mkdir()
    (manager / "zz-slow.conf").write_text(NO_WATCHDOG)
    inside = ["unshare", "--mount", "--pid", "--fork", f"--mount-proc={root}/proc", "chroot", str(root)]
    done = subprocess.run([*inside, "/opt/install/install.sh"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
