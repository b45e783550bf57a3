"""One Video4Linux2 device: its format, its controls, its buffers. What the pictures mean is not known here.

OpenCV can read such a camera too, but hides what failing safe needs: the kernel's mark on a damaged frame, which clock
a time stamp comes from, and whether it says the begin or the end of the exposure. The layout of the kernel's structures
is that of videodev2, which picamera2 brings to a Pi anyway.
"""

import errno
import fcntl
import mmap
import os
import select
import time
from dataclasses import dataclass
from typing import Any

from edge.drivers.closable import Closable
from edge.errors import DeviceFault, DeviceTimeout, DeviceUnavailable

BUFFERS = 4
CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
FPS_TOLERANCE = 0.02
OPEN_ERRORS = {
    errno.EACCES: "may not be opened; add the service's user to the group video",
    errno.EBUSY: "somebody else holds the camera",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFrame:
    """One frame as it came. stamp_ns: monotonic; of the exposure's begin or of the frame's end."""

    data: bytes
    stamp_ns: int
    is_begin: bool
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What a control can be set to. is_off: it has no effect at the moment."""

    lowest: int
    highest: int
    step: int
    is_off: bool


class V4l2Device(Closable):
    """Opened, told its format, and started, in that order."""

    def __init__(self, path: str) -> None:
        """Raises DeviceUnavailable if there is no such camera, or it is not ours."""
        self._path, self._buffers, self._is_started = path, [], False  # type: tuple[str, list[mmap.mmap], bool]
        self._v = _videodev2()
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            words = OPEN_ERRORS.get(error.errno or 0, f"there is no camera ({error.strerror}); is it plugged in?")
            raise DeviceUnavailable(f"{path}: {words}") from error
        try:
            self._check_kind()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop the stream and let go."""
        if self.is_closed:
            return
        super().close()
        for buffer in self._buffers:
            buffer.close()
        os.close(self._descriptor)  # which stops the stream as well

    def set_format(self, *, width_px: int, height_px: int, pixel_format: str, fps: float) -> int:
        """Force size, format and frame rate, and read them back. Gives the bytes of a row.

        Raises DeviceUnavailable if the camera gives anything else.
        """
        wanted = self._v.v4l2_format(type=CAPTURE)
        wanted.fmt.pix.width, wanted.fmt.pix.height = width_px, height_px
        wanted.fmt.pix.pixelformat = int.from_bytes(pixel_format.encode(), "little")
        wanted.fmt.pix.field = self._v.V4L2_FIELD_NONE
        self._ask("VIDIOC_S_FMT", wanted)
        given = wanted.fmt.pix
        code = int(given.pixelformat).to_bytes(4, "little").decode("ascii", "replace")
        if (given.width, given.height, code) != (width_px, height_px, pixel_format):
            raise DeviceUnavailable(
                f"{self._path}: gives {given.width}x{given.height} {code} instead of "
                f"{width_px}x{height_px} {pixel_format}; choose what the camera can do"
            )
        if given.field != self._v.V4L2_FIELD_NONE:
            raise DeviceUnavailable(f"{self._path}: gives half pictures (interlaced), which move against each other")
        self._set_rate(fps)
        return int(given.bytesperline)

    def control(self, number: int) -> Control | None:
        """What a control can be, None if the camera has none of that number."""
        query = self._v.v4l2_queryctrl(id=number)
        try:
            fcntl.ioctl(self._descriptor, self._v.VIDIOC_QUERYCTRL & 0xFFFFFFFF, query)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY):
                return None
            raise self._failed("VIDIOC_QUERYCTRL", error) from error
        if query.flags & self._v.V4L2_CTRL_FLAG_DISABLED:
            return None
        is_off = bool(query.flags & self._v.V4L2_CTRL_FLAG_INACTIVE)
        return Control(lowest=query.minimum, highest=query.maximum, step=query.step, is_off=is_off)

    def get(self, number: int) -> int:
        """What a control is set to."""
        answer = self._v.v4l2_control(id=number)
        self._ask("VIDIOC_G_CTRL", answer)
        return int(answer.value)

    def set(self, number: int, value: int) -> None:
        """Set a control; the camera may round."""
        self._ask("VIDIOC_S_CTRL", self._v.v4l2_control(id=number, value=value))

    def start(self) -> None:
        """Begin to stream."""
        wanted = self._v.v4l2_requestbuffers(count=BUFFERS, type=CAPTURE, memory=self._v.V4L2_MEMORY_MMAP)
        self._ask("VIDIOC_REQBUFS", wanted)
        for index in range(wanted.count):
            buffer = self._buffer(index)
            self._ask("VIDIOC_QUERYBUF", buffer)
            self._buffers.append(mmap.mmap(self._descriptor, buffer.length, offset=buffer.m.offset))
            self._ask("VIDIOC_QBUF", buffer)
        fcntl.ioctl(self._descriptor, self._v.VIDIOC_STREAMON, CAPTURE.to_bytes(4, "little"))

    def next(self, *, timeout_ms: float) -> RawFrame:
        """The next whole frame; those that the kernel marks as damaged are passed over.

        Raises DeviceTimeout if none came, DeviceUnavailable if the camera is gone, DeviceFault for anything else.
        """
        until = time.monotonic() + timeout_ms / 1000
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLIN)
        while (left_s := until - time.monotonic()) > 0:
            if not waiting.poll(left_s * 1000):
                break
            buffer = self._buffer(0)
            self._ask("VIDIOC_DQBUF", buffer)
            is_whole = not buffer.flags & self._v.V4L2_BUF_FLAG_ERROR and buffer.bytesused > 0
            frame = self._frame(buffer) if is_whole else None
            self._ask("VIDIOC_QBUF", buffer)
            if frame is not None:
                return frame
        raise DeviceTimeout(f"{self._path}: no whole frame in {timeout_ms:.0f} ms")

    def _frame(self, buffer: Any) -> RawFrame:
        v = self._v
        if buffer.flags & v.V4L2_BUF_FLAG_TIMESTAMP_MASK != v.V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC:
            raise DeviceFault(f"{self._path}: stamps its frames with another clock than that of the triggers")
        return RawFrame(
            data=self._buffers[buffer.index][: buffer.bytesused],
            stamp_ns=buffer.timestamp.tv_sec * 1_000_000_000 + buffer.timestamp.tv_usec * 1000,
            is_begin=buffer.flags & v.V4L2_BUF_FLAG_TSTAMP_SRC_MASK == v.V4L2_BUF_FLAG_TSTAMP_SRC_SOE,
            number=int(buffer.sequence),
        )

    def _set_rate(self, fps: float) -> None:
        rate = self._v.v4l2_streamparm(type=CAPTURE)
        rate.parm.capture.timeperframe.numerator, rate.parm.capture.timeperframe.denominator = 1000, round(fps * 1000)
        self._ask("VIDIOC_S_PARM", rate)
        given = rate.parm.capture.timeperframe
        given_fps = given.denominator / given.numerator if given.numerator else 0.0
        if abs(given_fps - fps) > FPS_TOLERANCE * fps:
            raise DeviceUnavailable(f"{self._path}: gives {given_fps:g} frames a second instead of {fps:g}")

    def _check_kind(self) -> None:
        kind = self._v.v4l2_capability()
        try:
            self._ask("VIDIOC_QUERYCAP", kind)
        except DeviceFault as error:
            raise DeviceUnavailable(f"{self._path}: this is no camera") from error
        needed = self._v.V4L2_CAP_VIDEO_CAPTURE | self._v.V4L2_CAP_STREAMING
        has_own = kind.capabilities & self._v.V4L2_CAP_DEVICE_CAPS
        if (kind.device_caps if has_own else kind.capabilities) & needed != needed:
            raise DeviceUnavailable(f"{self._path}: this device gives no pictures; a camera may have several devices")

    def _buffer(self, index: int) -> Any:
        return self._v.v4l2_buffer(index=index, type=CAPTURE, memory=self._v.V4L2_MEMORY_MMAP)

    def _ask(self, request: str, argument: Any) -> None:
        try:
            fcntl.ioctl(self._descriptor, getattr(self._v, request) & 0xFFFFFFFF, argument)
        except OSError as error:
            raise self._failed(request, error) from error

    def _failed(self, request: str, error: OSError) -> DeviceFault | DeviceUnavailable:
        if error.errno == errno.ENODEV:
            return DeviceUnavailable(f"{self._path}: the camera is gone; is it still plugged in?")
        if error.errno == errno.EBUSY:
            return DeviceUnavailable(f"{self._path}: {OPEN_ERRORS[errno.EBUSY]}")
        return DeviceFault(f"{self._path}: {request} failed: {error.strerror}")


def _videodev2() -> Any:
    try:
        import videodev2  # only where a camera is used
    except ImportError as error:
        raise DeviceUnavailable(f"cameras of the kernel need the package videodev2: {error}") from error
    return videodev2
