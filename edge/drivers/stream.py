"""What the cameras share that run all the time: how old the newest frame is, why there is none, and who looks on.

Everything that may hang or fail happens in one thread of the camera's own, which opens the camera again after a
failure. Whoever asks for a picture waits for that thread, and never longer than it said.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from edge.drivers.closable import Closable
from edge.errors import DeviceError, DeviceFault, DeviceTimeout, DeviceUnavailable, NotJudged
from edge.frame import Frame, Pixels
from edge.interfaces import Look
from edge.verdict import Reason

OPENING_S = 20.0
REOPEN_S = 1.0
LONGEST_GAP_FRAMES = 5
LEAST_GAP_MS = 1000.0
FROZEN_MS = 1000.0
STUCK_S = 30.0  # far more than opening, stopping or closing a camera takes
LOOK_PX = 160  # longer side of the small grey picture
NAP_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One frame of the stream. develop: makes its pixels, owned. drift: how it was not exposed as it should be."""

    number: int
    exposed_at_ns: int
    develop: Callable[[], Pixels]
    drift: str = ""


class StreamingCamera(Closable, ABC):
    """A camera that runs all the time. A driver opens it in `_session` and calls `_arrived` for each frame."""

    def __init__(self, *, where: str, frame_ms: float) -> None:
        """where: begins every sentence about this camera."""
        self._where = where
        self._longest_gap_ns = int(max(LONGEST_GAP_FRAMES * frame_ms, LEAST_GAP_MS) * 1e6)
        self._closing = threading.Event()
        self._news = threading.Condition()
        self._error: DeviceError | None = None
        self._newest: Arrived | None = None
        self._given = 0  # number of the last frame that was given away; none is given twice
        self._frames = 0
        self._seen_ns = self._changed_ns = 0
        self._alive_ns = time.monotonic_ns()
        self._probe: bytes = b""
        self._look: Look | None = None
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)

    @property
    def last_frame_ns(self) -> int:
        """When the newest frame came in, on the monotonic clock; 0 before the first."""
        return self._seen_ns

    @property
    def trouble(self) -> str | None:
        """Why no picture can be taken at the moment, in one sentence; None if it can."""
        drift = self._newest.drift if self._newest else ""
        return self._silence() or self._frozen() or drift or None

    @property
    def needs_restart(self) -> bool:
        """True if the camera's thread does not come back from a call."""
        is_stuck = time.monotonic_ns() - self._alive_ns > STUCK_S * 1e9
        return is_stuck and not self._closing.is_set()

    def watch(self, look: Look) -> None:
        """Let somebody see every frame from now on: called in the camera's thread, and must be quick."""
        self._look = look

    def close(self) -> None:
        """Let go of the camera. A camera that hangs is left to itself."""
        super().close()
        self._closing.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=2.0)

    def capture(self, *, not_before_ns: int, timeout_ms: float) -> Frame:
        """The first frame that was exposed after that and was not given before.

        Raises DeviceTimeout when none came in time, DeviceError with the camera's trouble, NotJudged for a frame that
        is frozen or was not exposed as the camera was told.
        """
        self._check_open()
        until = time.monotonic() + timeout_ms / 1000
        with self._news:
            while True:
                silence = self._silence()
                if silence:
                    raise DeviceFault(silence) from self._error
                newest = self._newest
                if newest and newest.exposed_at_ns >= not_before_ns and newest.number > self._given:
                    break
                left_s = until - time.monotonic()
                if left_s <= 0:
                    raise DeviceTimeout(f"{self._where}: no frame after the trigger in {timeout_ms:.0f} ms")
                self._news.wait(min(left_s, NAP_S))
            self._given = newest.number
        self._refuse_unfit(newest.drift)
        return Frame(
            pixels=newest.develop(), exposed_at_ns=newest.exposed_at_ns, source=f"{self._where} frame {newest.number}"
        )

    @abstractmethod
    def _session(self) -> None:
        """Open the camera, call `_arrived` for each frame until it is closed, and close it. Raises DeviceError."""

    def _open(self) -> None:
        """Start the thread and wait for the first frame. Raises DeviceUnavailable if there is none."""
        self._thread.start()
        with self._news:
            self._news.wait_for(lambda: self._error or self._frames, timeout=OPENING_S)
            error, has_frames = self._error, self._frames > 0
        if has_frames:
            return
        self.close()
        if error is None:
            raise DeviceUnavailable(f"{self._where}: no frame within {OPENING_S:.0f} s of opening it")
        raise error if isinstance(error, DeviceUnavailable) else DeviceUnavailable(str(error)) from error

    def _alive(self) -> None:
        """The camera's thread is here, whether there are frames or not."""
        self._alive_ns = time.monotonic_ns()

    def _arrived(
        self,
        *,
        exposed_at_ns: int,
        probe: bytes,
        develop: Callable[[], Pixels],
        small: Callable[[], Pixels],
        drift: str = "",
    ) -> None:
        """A frame is there. probe: bytes that differ from frame to frame. small: its picture for who looks on.

        Raises DeviceFault for a time stamp that cannot be.
        """
        now_ns = time.monotonic_ns()
        last = self._newest
        if exposed_at_ns > now_ns:
            raise DeviceFault(f"{self._where}: a frame is from {(exposed_at_ns - now_ns) / 1e6:.1f} ms in the future")
        if last is not None and exposed_at_ns <= last.exposed_at_ns:
            raise DeviceFault(f"{self._where}: time stamps do not rise from frame to frame")
        with self._news:
            self._frames += 1
            self._error, self._seen_ns = None, now_ns
            if probe != self._probe:
                self._probe, self._changed_ns = probe, now_ns
            self._newest = Arrived(number=self._frames, exposed_at_ns=exposed_at_ns, develop=develop, drift=drift)
            self._news.notify_all()
        if self._look is not None:
            self._look(small(), exposed_at_ns)

    def _refuse_unfit(self, drift: str) -> None:
        if drift:
            raise NotJudged(Reason.EXPOSURE_DRIFTED, drift)
        frozen = self._frozen()
        if frozen:
            raise NotJudged(Reason.FRAME_FROZEN, frozen)

    def _silence(self) -> str:
        if self._error is not None:
            return str(self._error)
        age_ns = time.monotonic_ns() - self._seen_ns
        return f"{self._where}: no frame for {age_ns / 1e9:.1f} s" if age_ns > self._longest_gap_ns else ""

    def _frozen(self) -> str:
        same_ms = (self._seen_ns - self._changed_ns) / 1e6
        return f"{self._where}: one and the same picture for {same_ms / 1000:.1f} s" if same_ms > FROZEN_MS else ""

    def _run(self) -> None:
        while not self._closing.is_set():
            error: DeviceError = DeviceUnavailable(f"{self._where}: closed")
            try:
                self._session()
            except DeviceError as failed:
                error = failed
            except Exception as failed:  # a vendor's library raises whatever it likes
                error = DeviceFault(f"{self._where}: {type(failed).__name__}: {failed}")
            self._alive()
            with self._news:
                self._error = error
                self._news.notify_all()
            self._closing.wait(REOPEN_S)


def small_grey(pixels: Pixels) -> Pixels:
    """(height, width) or (height, width, 3) → a grey picture with a longer side of LOOK_PX, averaged, not sampled."""
    height, width = pixels.shape[:2]
    scale = LOOK_PX / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
