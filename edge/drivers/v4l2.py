"""A USB camera, or any other that the kernel offers as /dev/video…: the newest frame by the kernel's time stamp.

Exposure, gain, white balance and focus are held by hand. They are read back before the first frame and with every one;
a frame that came while one of them had moved is not judged, and the value is set again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from edge.cameras import V4l2Camera as Settings
from edge.drivers.stream import LOOK_PX, StreamingCamera, small_grey
from edge.drivers.v4l2_device import Control, RawFrame, V4l2Device
from edge.errors import DeviceFault, DeviceUnavailable
from edge.frame import Pixels

STEP_US = 100  # of the kernel's exposure control
EXPOSURE_BY_HAND = 1
END_OF_JPEG = b"\xff\xd9"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """One property of the picture: who moves it by itself, how to switch that off, and what holds it by hand."""

    key: str
    automatic: int
    by_hand: int
    value: int
    per_step: int = 1  # units of the configuration


LOCKS = (  # numbers of the kernel's controls
    Lock(key="exposure_us", automatic=0x009A0901, by_hand=EXPOSURE_BY_HAND, value=0x009A0902, per_step=STEP_US),
    Lock(key="gain", automatic=0x00980912, by_hand=0, value=0x00980913),
    Lock(key="white_balance_k", automatic=0x0098090C, by_hand=0, value=0x0098091A),
    Lock(key="focus", automatic=0x009A090C, by_hand=0, value=0x009A090A),
)
LETS_RATE_FALL = 0x009A0903  # a longer exposure may lower the frame rate
SETTLING_FRAMES = 6  # those on their way when a control is set, and the few that a camera takes to obey


class V4l2Camera(StreamingCamera):
    """One camera of the kernel, streaming from the moment it is opened."""

    def __init__(self, settings: Settings) -> None:
        """Raises DeviceUnavailable if there is no such camera, or it cannot do what the configuration says."""
        super().__init__(where=settings.device, frame_ms=1000 / settings.fps)
        self._settings = settings
        self._row_bytes = 0
        self._unsettled, self._drift = 0, ""
        self._open()

    def _session(self) -> None:
        settings = self._settings
        with V4l2Device(settings.device) as device:
            self._row_bytes = device.set_format(
                width_px=settings.width_px,
                height_px=settings.height_px,
                pixel_format=settings.pixel_format,
                fps=settings.fps,
            )
            held = dict(held_controls(device, settings))
            for number, value in held.items():
                device.set(number, value)
            for words in drifts(device, held):
                raise DeviceUnavailable(f"{settings.device}: {words}, and cannot be set")
            device.start()
            for _ in range(SETTLING_FRAMES):
                device.next(timeout_ms=self._longest_gap_ns / 1e6)
            while not self._closing.is_set():
                self._take(device, held)

    def _take(self, device: V4l2Device, held: dict[int, int]) -> None:
        raw = device.next(timeout_ms=self._longest_gap_ns / 1e6)
        self._alive()
        drift = next(drifts(device, held), "")
        if drift:
            self._unsettled, self._drift = SETTLING_FRAMES, drift
            for number, value in held.items():
                device.set(number, value)
        elif self._unsettled:
            self._unsettled -= 1
        else:
            self._drift = ""
        self._arrived(
            exposed_at_ns=self._exposed_at_ns(raw),
            probe=raw.data,
            develop=partial(self._developed, raw.data),
            small=partial(self._small, raw.data),
            drift=self._drift,
        )

    def _exposed_at_ns(self, raw: RawFrame) -> int:
        """The earliest moment at which the exposure may have begun.

        Cameras that claim to stamp the begin often stamp the first data, which is the exposure's end.
        """
        frame_us = 1e6 / self._settings.fps
        exposure_us = min(self._settings.exposure_us or frame_us, frame_us)
        return raw.stamp_ns - int(1000 * (exposure_us if raw.is_begin else exposure_us + frame_us))

    def _developed(self, data: bytes) -> Pixels:
        pixels = _DEVELOP[self._settings.pixel_format](self, data)
        if pixels.ndim == 3 and not self._settings.is_colour:
            pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
        return pixels

    def _small(self, data: bytes) -> Pixels:
        if self._settings.pixel_format == "MJPG" and self._settings.width_px >= 4 * LOOK_PX:
            quarter = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_4)
            if quarter is None:
                raise DeviceFault(f"{self._where}: a picture is damaged")
            return small_grey(np.asarray(quarter, dtype=np.uint8))
        return small_grey(self._developed(data))

    def _rows(self, data: bytes, *, pixel_bytes: int) -> Pixels:
        """(height, width · pixel_bytes), without what pads the rows."""
        width, height = self._settings.width_px, self._settings.height_px
        if len(data) < height * self._row_bytes:
            raise DeviceFault(f"{self._where}: a frame has {len(data)} bytes instead of {height * self._row_bytes}")
        rows = np.frombuffer(data, np.uint8)[: height * self._row_bytes].reshape(height, self._row_bytes)
        return rows[:, : width * pixel_bytes]

    def _grey(self, data: bytes) -> Pixels:
        return self._rows(data, pixel_bytes=1).copy()

    def _yuyv(self, data: bytes) -> Pixels:
        rows = np.ascontiguousarray(self._rows(data, pixel_bytes=2))
        pairs = rows.reshape(self._settings.height_px, self._settings.width_px, 2)
        return np.asarray(cv2.cvtColor(pairs, cv2.COLOR_YUV2BGR_YUYV), dtype=np.uint8)

    def _jpeg(self, data: bytes) -> Pixels:
        """A picture that was cut off would be filled up with grey, so its end is looked for."""
        is_whole = data.rstrip(b"\0").endswith(END_OF_JPEG)
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if is_whole else None
        if pixels is None or pixels.shape[:2] != (self._settings.height_px, self._settings.width_px):
            raise DeviceFault(f"{self._where}: a picture is damaged")
        return np.asarray(pixels, dtype=np.uint8)


_DEVELOP: dict[str, Callable[[V4l2Camera, bytes], Pixels]] = {
    "GREY": V4l2Camera._grey,
    "YUYV": V4l2Camera._yuyv,
    "MJPG": V4l2Camera._jpeg,
}


def held_controls(device: V4l2Device, settings: Settings) -> Iterator[tuple[int, int]]:
    """Number and value of every control that is held. Raises DeviceUnavailable if a value is missing or impossible.

    What the camera does by itself is switched off here, because its counterpart can be looked at only then.
    """
    for lock in LOCKS:
        wanted = getattr(settings, lock.key)
        if device.control(lock.automatic) is not None:
            device.set(lock.automatic, lock.by_hand)
            yield lock.automatic, lock.by_hand
        found = device.control(lock.value)
        if found is None and wanted is not None:
            raise DeviceUnavailable(f"{settings.device}: the camera has no such control, leave out {lock.key}")
        if found is not None and wanted is None and device.control(lock.automatic) is not None:
            now = device.get(lock.value) * lock.per_step
            raise DeviceUnavailable(
                f"{settings.device}: the camera would set this by itself; write {lock.key}, "
                f"{found.lowest * lock.per_step} to {found.highest * lock.per_step}, now {now}"
            )
        if found is not None and wanted is not None:
            yield lock.value, _step(found, wanted, lock, settings.device)
    if device.control(LETS_RATE_FALL) is not None:
        yield LETS_RATE_FALL, 0


def drifts(device: V4l2Device, held: dict[int, int]) -> Iterator[str]:
    """One sentence for each control that is not where it should be."""
    for number, value in held.items():
        found = device.get(number)
        if found != value:
            lock = next((lock for lock in LOCKS if number in (lock.automatic, lock.value)), None)
            name = lock.key if lock is not None else "the changing frame rate"
            if lock is not None and number == lock.automatic:
                yield f"the camera sets {name} by itself"
            else:
                scale = lock.per_step if lock is not None else 1
                yield f"{name} is {found * scale} instead of {value * scale}"


def _step(found: Control, wanted: int, lock: Lock, device: str) -> int:
    value = round(wanted / lock.per_step)
    if not found.lowest <= value <= found.highest or (value - found.lowest) % max(found.step, 1):
        raise DeviceUnavailable(
            f"{device}: {lock.key} can be {found.lowest * lock.per_step} to {found.highest * lock.per_step} "
            f"in steps of {found.step * lock.per_step}, not {wanted}"
        )
    return value
