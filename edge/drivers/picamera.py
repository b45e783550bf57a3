"""A camera of the Pi through picamera2: one running stream, everything held by hand, every frame looked at.

libcamera says nothing when it stops to deliver: the age of the newest frame tells. Then, in this order: stop and start
the stream; close the camera and open it again; say so for as long as it lasts. A call that never returns leaves the
camera's thread behind, and the station not READY; only a new process helps then.
"""

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import cv2
import numpy as np

from edge.cameras import PicameraCamera as Settings
from edge.drivers.stream import StreamingCamera, small_grey
from edge.errors import DeviceError, DeviceFault, DeviceTimeout, DeviceUnavailable, NotJudged
from edge.frame import Frame, Pixels

FORMAT = "RGB888"  # which lies in memory as blue, green, red
LEAST_TOLERANCE_US = 40.0  # about two lines of a sensor, which is how finely it can expose
LEAST_FOCUS_TOLERANCE = 0.05
DISTANT_ROWS = 16  # every so many rows are compared to notice a frozen camera
SETTLING_FRAMES = 30  # controls take a few frames to act
POLL_S = 0.1
FIRST_FRAME_S = 3.0
LATE_JOB_S = 0.5


class PicameraCamera(StreamingCamera):
    """One camera of the Pi, streaming from the moment it is opened."""

    def __init__(self, settings: Settings) -> None:
        """Raises DeviceUnavailable if there is no camera, or it does not do what the configuration says."""
        super().__init__(where=f"camera {settings.camera}", frame_ms=1000 / settings.fps)
        self._settings = settings
        self._pi: Any = None
        self._unsettled = SETTLING_FRAMES
        self._callback_error: Exception | None = None
        self._started_ns = 0
        self._open()

    def capture(self, *, not_before_ns: int, timeout_ms: float) -> Frame:
        """The first frame whose exposure began after that. Raises as the camera of `StreamingCamera` does."""
        self._check_open()
        silence, pi = self._silence(), self._pi
        if silence or pi is None:
            raise DeviceFault(silence or f"{self._where}: is being opened") from self._error
        until = time.monotonic() + timeout_ms / 1000
        try:
            while (left_s := until - time.monotonic()) > 0:
                frame = self._frame(self._request(pi, not_before_ns, left_s), not_before_ns)
                if frame is not None:
                    return frame
        except TimeoutError:
            pass
        except (DeviceError, NotJudged):
            raise
        except Exception as error:
            raise DeviceFault(f"{self._where}: {type(error).__name__}: {error}") from error
        raise DeviceTimeout(f"{self._where}: no frame after the trigger in {timeout_ms:.0f} ms")

    def _frame(self, request: Any, not_before_ns: int) -> Frame | None:
        """An owned frame of a request, which is released; None if it is too old or was given before."""
        try:
            metadata = request.get_metadata()
            exposed_at_ns = exposure_began_ns(metadata)
            if exposed_at_ns < not_before_ns or exposed_at_ns <= self._given:
                return None
            pixels = self._owned(request)
        finally:
            request.release()
        self._given = exposed_at_ns
        self._refuse_unfit(next(drifts(metadata, self._settings), ""))
        return Frame(pixels=pixels, exposed_at_ns=exposed_at_ns, source=f"{self._where} frame {exposed_at_ns}")

    def _request(self, pi: Any, not_before_ns: int, left_s: float) -> Any:
        """A request that somebody must release. Its job does not outlive the time-out, or it would keep a buffer."""
        job = pi.capture_request(wait=False, flush=not_before_ns or None)
        try:
            return job.get_result(timeout=left_s)
        except TimeoutError:
            self._drop(pi, job)
            raise

    def _drop(self, pi: Any, job: Any) -> None:
        pi.cancel_all_and_flush()
        try:
            job.get_result(timeout=LATE_JOB_S).release()  # it may have been done just before
        except Exception:  # cancelled, as it should be
            return

    def _session(self) -> None:
        self._pi = None
        pi = _picamera2()(self._settings.camera)
        try:
            self._start(pi)
            restarted_ns: int | None = None
            while not self._closing.wait(POLL_S):
                self._alive()
                if self._callback_error is not None:
                    raise self._callback_error
                if not self._is_silent():
                    continue
                if restarted_ns is not None and self._seen_ns < restarted_ns:
                    raise DeviceTimeout(f"{self._where}: no frames, though the stream was started again")
                restarted_ns = time.monotonic_ns()
                self._restart(pi)
        finally:
            self._pi = None
            pi.close()

    def _start(self, pi: Any) -> None:
        settings = self._settings
        main = {"size": (settings.width_px, settings.height_px), "format": FORMAT}
        pi.configure(pi.create_video_configuration(main=main, controls=held_controls(settings, pi.camera_controls)))
        given = pi.camera_configuration()["main"]
        if (tuple(given["size"]), given["format"]) != (main["size"], FORMAT):
            raise DeviceUnavailable(
                f"{self._where}: gives {given['size'][0]}x{given['size'][1]} {given['format']} instead of "
                f"{settings.width_px}x{settings.height_px} {FORMAT}; choose what the camera can do"
            )
        self._callback_error, self._unsettled = None, SETTLING_FRAMES
        pi.post_callback = partial(self._look_at, pi)
        self._started_ns = time.monotonic_ns()
        pi.start(show_preview=False)
        self._pi = pi

    def _restart(self, pi: Any) -> None:
        pi.cancel_all_and_flush()
        pi.stop()
        self._unsettled = SETTLING_FRAMES
        self._started_ns = time.monotonic_ns()
        pi.start(show_preview=False)

    def _is_silent(self) -> bool:
        now = time.monotonic_ns()
        is_starting = now - self._started_ns < FIRST_FRAME_S * 1e9
        return not is_starting and now - self._seen_ns > self._longest_gap_ns

    def _look_at(self, pi: Any, request: Any) -> None:
        """Every frame, in picamera2's thread, which must not see an error."""
        try:
            metadata = request.get_metadata()
            drift = next(drifts(metadata, self._settings), "")
            if drift and self._unsettled:
                self._unsettled -= 1
                return
            if drift and not self._unsettled:
                pi.set_controls(held_controls(self._settings, pi.camera_controls))
            self._unsettled = 0
            with _mapped(request) as mapped:
                probe = mapped.array[::DISTANT_ROWS].tobytes()
                self._arrived(
                    exposed_at_ns=exposure_began_ns(metadata),
                    probe=probe,
                    develop=_not_from_here,
                    small=lambda: small_grey(mapped.array),
                    drift=drift,
                )
        except Exception as error:
            self._callback_error = error

    def _owned(self, request: Any) -> Pixels:
        """(height, width, 3) blue, green, red, or grey; a copy without what pads the rows."""
        with _mapped(request) as mapped:  # nothing may still point into the buffer at the end of this block
            if self._settings.is_colour:
                return np.array(mapped.array, dtype=np.uint8, order="C")
            return np.asarray(cv2.cvtColor(mapped.array, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def held_controls(settings: Settings, offered: Mapping[str, object]) -> dict[str, Any]:
    """What picamera2 is told. Raises DeviceUnavailable for a focus where there is no motor, or one not told."""
    frame_us = round(1e6 / settings.fps)
    held: dict[str, Any] = {
        "AeEnable": False,
        "ExposureTime": settings.exposure_us,
        "AnalogueGain": settings.gain,
        "AwbEnable": False,
        "ColourGains": (settings.red_gain, settings.blue_gain),
        "FrameDurationLimits": (frame_us, frame_us),
    }
    has_motor = "LensPosition" in offered
    if has_motor and settings.focus_dioptres is None:
        raise DeviceUnavailable(f"camera {settings.camera}: the lens would focus by itself; write focus_dioptres")
    if settings.focus_dioptres is not None:
        if not has_motor:
            raise DeviceUnavailable(f"camera {settings.camera}: this lens has no motor, leave out focus_dioptres")
        held |= {"AfMode": 0, "LensPosition": settings.focus_dioptres}
    missing = sorted(set(held) - set(offered))
    if missing:
        raise DeviceUnavailable(f"camera {settings.camera}: cannot be held by hand: it has no {', '.join(missing)}")
    return held


def drifts(metadata: Mapping[str, Any], settings: Settings) -> Iterator[str]:
    """One sentence for each value of a frame that is not as it was told."""
    share = settings.tolerance_percent / 100
    colour = metadata.get("ColourGains") or (None, None)
    checks = [
        ("exposure_us", metadata.get("ExposureTime"), settings.exposure_us, LEAST_TOLERANCE_US),
        ("gain", metadata.get("AnalogueGain"), settings.gain, 0.0),
        ("red_gain", colour[0], settings.red_gain, 0.0),
        ("blue_gain", colour[1], settings.blue_gain, 0.0),
    ]
    if settings.focus_dioptres is not None:
        checks.append(("focus_dioptres", metadata.get("LensPosition"), settings.focus_dioptres, LEAST_FOCUS_TOLERANCE))
    for key, found, wanted, least in checks:
        if found is None:
            yield f"the camera does not tell its {key}"
        elif not abs(found - wanted) <= max(share * wanted, least):
            yield f"{key} is {found:g} instead of {wanted:g}"


def exposure_began_ns(metadata: Mapping[str, Any]) -> int:
    """When the first row began to be exposed. SensorTimestamp is when it had been."""
    return int(metadata["SensorTimestamp"]) - 1000 * int(metadata["ExposureTime"])


def _mapped(request: Any) -> Any:
    from picamera2 import MappedArray

    return MappedArray(request, "main", write=False)


def _picamera2() -> Any:
    try:
        from picamera2 import Picamera2
    except Exception as error:  # a wrong numpy beside it raises ValueError
        raise DeviceUnavailable(
            f"picamera2 cannot be used here ({error}); on a Pi: apt install python3-picamera2"
        ) from error
    return partial(_opened, Picamera2)


def _opened(kind: Any, number: int) -> Any:
    try:
        return kind(number)
    except Exception as error:
        raise DeviceUnavailable(
            f"camera {number}: cannot be opened ({error}); is it plugged in, and does nobody else use it?"
        ) from error


def _not_from_here() -> Pixels:
    raise DeviceFault("frames of this camera are taken by their request")
