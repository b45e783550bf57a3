"""Runs inside the virtual machine and makes trouble until it is ended: what a station must survive.

`trouble.py drift`: somebody else sets the camera's gain, again and again.
`trouble.py lock`: somebody else holds the database for writing.
`trouble.py still`: the camera sees one and the same picture.
`trouble.py dark`: the camera sees darkness, which flickers a little as a sensor's does.
"""

import fcntl
import os
import sqlite3
import struct
import subprocess
import sys
import time
from pathlib import Path

SET_CONTROL, GAIN = 0xC008561C, 0x00980913  # VIDIOC_S_CTRL, V4L2_CID_GAIN
PICTURE_BYTES = 640 * 480 * 2


def drift() -> None:
    with Path("/dev/video3").open("r+b", buffering=0) as camera:
        while True:
            fcntl.ioctl(camera, SET_CONTROL, struct.pack("Ii", GAIN, 50))
            time.sleep(0.001)


def lock() -> None:
    database = sqlite3.connect("/var/lib/kensa/records.sqlite", timeout=60, isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    time.sleep(3600)


def still() -> None:
    with Path("/opt/vm/parts.yuyv").open("rb") as film:
        show(film.read(PICTURE_BYTES))


def dark() -> None:
    noise = os.urandom(PICTURE_BYTES // 2)
    lightness = noise.translate(bytes(16 + level % 4 for level in range(256)))
    shifts = (0, 1000, 2000, 3000, 4000)
    pictures = [lightness[shift:] + lightness[:shift] for shift in shifts]
    show(b"".join(b"\x80".join(bytes([level]) for level in picture) + b"\x80" for picture in pictures))


def show(pictures: bytes) -> None:
    """Instead of the film of parts, which must have ended."""
    film = Path("/tmp/film.yuyv")
    film.write_bytes(pictures)
    out = ["v4l2-ctl", "-d", "/dev/video4", "--stream-out-mmap", "3", f"--stream-from={film}", "--stream-loop"]
    subprocess.run(out, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    {"drift": drift, "lock": lock, "still": still, "dark": dark}[sys.argv[1]]()
